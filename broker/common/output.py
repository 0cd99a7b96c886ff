"""What a process says goes out or is lost: a reader that is gone, or a full disk, stops nobody's work."""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
from typing import Any, TextIO

PIECE = 4096  # bytes that a pipe takes whole or not at all (PIPE_BUF)
WAIT = 100  # ms for a slow reader; one that has not read in that time is not waited for again until it reads
SIMPLER = {"…": "...", "–": "-", "→": ">", "×": "x", "·": "|"}  # for a terminal that lacks them
LETTERS = "simpler"  # what to do with letters that an encoding lacks


class Output(io.RawIOBase):
    """A file descriptor that takes everything, and loses what it cannot pass on: to a pipe whose reader has gone or
    sleeps, to a full disk. `lost` counts the writes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._wait = WAIT
        self.lost = 0

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any, /) -> int:
        view = memoryview(data)
        pieces = (view[start : start + PIECE] for start in range(0, len(view), PIECE))
        self.lost += not all(self._has_written(piece) for piece in pieces)
        return len(view)

    def _has_written(self, piece: memoryview) -> bool:
        try:
            is_taken = bool(self._poll.poll(self._wait)) and os.write(self._descriptor, piece) == len(piece)
        except OSError:
            is_taken = False
        self._wait = WAIT if is_taken else 0
        return is_taken


def never_fail() -> None:
    """From now on standard output and standard error take everything. For a process whose work is not what it says."""
    _fill_closed_descriptors()
    sys.stdout = _safe(1, sys.stdout)
    sys.stderr = _safe(2, sys.stderr)


def lost() -> int:
    """Writes to standard error that went nowhere so far."""
    raw = getattr(getattr(sys.stderr, "buffer", None), "raw", None)
    return raw.lost if isinstance(raw, Output) else 0


def replace_letters() -> None:
    """Letters that the encoding of standard output or standard error lacks are replaced, not refused. For a process
    whose work is what it says: where that cannot be written it has failed."""
    _fill_closed_descriptors()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False)))
        getattr(sys, name).reconfigure(errors=LETTERS)


def _safe(descriptor: int, before: TextIO | None) -> TextIO:
    buffer = io.BufferedWriter(Output(descriptor))
    encoding = before.encoding if before is not None else "utf-8"
    by_line = descriptor == 2 or os.isatty(descriptor)
    return io.TextIOWrapper(buffer, encoding=encoding, errors=LETTERS, line_buffering=by_line)


def _fill_closed_descriptors() -> None:
    """Started with one of them closed, our first socket would take its place, and get what we say."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)


def _simpler(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(SIMPLER.get(letter, "?") for letter in lacking), error.end


codecs.register_error(LETTERS, _simpler)
