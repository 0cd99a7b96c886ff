"""The lines of a file that has a JSON object in each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from jitney.batch.contract import LONGEST_ROW


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One that is not blank."""

    number: int  # of those that are not blank; the first is 1
    place: int  # in the file
    size: int  # bytes
    ends_at: int  # bytes of the file up to its end
    said: Mapping[str, Any] = field(default_factory=dict)
    complaint: str = ""  # why it is no object


def lines_of(source: BinaryIO, first: int = 1) -> Iterator[Line]:
    """From this number on. Never more than `LONGEST_ROW` bytes of a line in memory."""
    number = place = read = 0
    while line := source.readline(LONGEST_ROW + 1):
        place += 1
        is_long = len(line) > LONGEST_ROW and not line.endswith(b"\n")
        read += len(line) + (_skip_line(source) if is_long else 0)
        is_blank = not line[:1] > b" " and not line.strip()
        number += not is_blank
        if not is_blank and number >= first:
            said, complaint = ({}, f"is longer than {LONGEST_ROW} bytes") if is_long else _object(line)
            why = complaint and f"line {place} {complaint}"
            yield Line(number=number, place=place, size=len(line), ends_at=read, said=said, complaint=why)


def complete_lines(out: BinaryIO) -> Iterator[bytes]:
    for line in out:
        if line.endswith(b"\n"):
            yield line


def is_json(value: Any) -> bool:
    """Python reads NaN and Infinity, and a number too large as that; OUT would be no JSON with them."""
    try:
        return isinstance(value, str | int) or bool(json.dumps(value, allow_nan=False))
    except (ValueError, RecursionError):
        return False


def half_letters(text: str, place: int) -> str:
    """A complaint about what no UTF-8 has, or nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"line {place} holds what is not UTF-8"
    return ""


def _object(line: bytes) -> tuple[Mapping[str, Any], str]:
    try:
        said = json.loads(line)  # bytes: with a byte order mark, too
    except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError, too
        return {}, "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "is not JSON that can be read"
    return (said, "") if isinstance(said, dict) else ({}, "is not an object")


def _skip_line(source: BinaryIO) -> int:
    """Read to the end of the line, a piece at a time. How many bytes there were."""
    skipped = 0
    while piece := source.readline(1 << 20):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped
