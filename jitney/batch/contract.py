"""What the parts of a batch hand to each other: rows, their answers, and what a format of files promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

ROW_FAILED, USAGE, REFUSED, NOT_REACHED = 1, 2, 3, 4  # exit codes; 0 is a file without a failed row
LONGEST_ROW = 16 << 20  # bytes of a line or of a field; what is longer is no row
MALFORMED = "malformed"  # the code of a row that cannot be sent


class Stopped(Exception):
    """The batch ends here with this exit code; the message is for a person, and says what helps."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of IN."""

    number: int  # the first is 1
    id: Any
    text: str  # what is sent
    address: str = ""  # where to, where a row says that itself
    cells: Sequence[str] = ()  # all of its fields, where the format copies them
    complaint: str = ""  # why it cannot be sent
    size: int = 0  # bytes, about
    ends_at: int = 0  # bytes of IN up to its end, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a row: fields of its answer, or an error with `code` and `message`."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, str] | None = None
    size: int = 0  # bytes, where it may be large


def failed(code: str, message: str) -> Answer:
    return Answer(error={"code": code, "message": message})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A row that needs an answer, or one whose line of OUT is known already and kept as it is."""

    row: Row
    kept: bytes | None = None


class Format(Protocol):
    """How rows stand in a file. Reads and writes as they come: never more than a row in memory."""

    name: str

    def begin(self, source: BinaryIO) -> None:
        """Read what stands before the first row. Raises `Stopped`."""

    def rows(self, first: int = 1) -> Iterator[Row]:
        """Those of the file that was begun, from this number on: what is before it is counted, and no more. Raises
        `Stopped` where what follows cannot be told apart."""

    def head(self) -> bytes:
        """What stands before the first row of OUT."""

    def line(self, row: Row, answer: Answer) -> bytes:
        """A row of OUT."""

    def complete(self, out: BinaryIO) -> Iterator[bytes]:
        """The rows of an OUT that we wrote, behind its head and from where it stands; a torn one ends them."""
