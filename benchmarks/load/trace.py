"""A trace to replay: when each request was due, and how long its text was."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

Trace = Sequence[tuple[float, int]]  # seconds from the start, characters; in order of time


def read(file: Path) -> Trace:
    """Of lines `seconds,characters`; empty ones are skipped. Raises `ValueError` with the line for any other."""
    lines = enumerate(file.read_text("utf-8").splitlines(), 1)
    found = sorted(_entry(f"{file}:{number}", line) for number, line in lines if line.strip())
    if not found:
        raise ValueError(f"{file} holds no request")
    return found


def _entry(where: str, line: str) -> tuple[float, int]:
    try:
        seconds, characters = line.split(",")
        entry = float(seconds), int(characters)
    except ValueError:
        raise ValueError(f"{where}: not seconds,characters: {line}") from None
    if not isfinite(entry[0]) or entry[0] < 0 or entry[1] < 1:
        raise ValueError(f"{where}: a time below 0 or no character: {line}")
    return entry


def sized(text: str, characters: int) -> str:
    """The text, cut or said again until it has so many characters."""
    said = f"{text} "
    return (said * (characters // len(said) + 1))[:characters]
