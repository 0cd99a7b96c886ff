"""OUT while it grows: OUT.part, its failed rows beside it, and a checkpoint from which both go on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from jitney.batch.contract import USAGE, Format, Row, Stopped
from jitney.batch.files.identity import Identity, require_same
from jitney.batch.files.state import Names, boot, read_state, sync_folder, write_state

CHECKPOINT_EVERY = 5.0  # seconds: what a machine that loses its power may lose; a killed process loses nothing


class Output:
    """Rows are in the kernel's hands when `write` returns: a killed process leaves them, whole but for the last."""

    def __init__(self, names: Names, format: Format, identity: Identity, clock: Callable[[], float]) -> None:
        self._names = names
        self._format = format
        self._identity = identity
        self._clock = clock
        self.rows = 0
        self.failed = 0

    def is_finished(self) -> bool:
        """Whether nothing was left to do but to give the files their names; then that is done."""
        state = read_state(self._names.state)
        if not state.get("finished"):
            return False
        self.rows, self.failed = state["rows"], state["failed"]
        self._rename()
        return True

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """`rows` and `failed` then say what is there already. Raises `Stopped` where it cannot go on."""
        with contextlib.ExitStack() as cleanup:
            self._part = cleanup.enter_context(_opened(self._names.part))
            self._lock()
            state = self._state()
            self._errors = cleanup.enter_context(_opened(self._names.part_errors))
            self._resume(state)
            self.checkpoint()
            yield

    def write(self, lines: Sequence[bytes], failed: Sequence[tuple[Row, Any]]) -> None:
        """Rows in their order, and which of them failed with what error."""
        said = [{"row": row.number, "id": row.id, "error": error} for row, error in failed]
        _write_all(self._errors, "".join([json.dumps(one) + "\n" for one in said]).encode())  # a row without it is none
        _write_all(self._part, b"".join(lines))
        self.rows += len(lines)
        self.failed += len(failed)
        if self._clock() >= self._due:
            self.checkpoint()

    def checkpoint(self, *, finished: bool = False) -> None:
        """What is written survives the machine, too."""
        os.fsync(self._errors.fileno())
        os.fsync(self._part.fileno())
        place = {"rows": self.rows, "bytes": self._part.tell(), "failed": self.failed, "finished": finished}
        write_state(self._names.state, {"identity": self._identity, "boot": boot(), **place})
        self._due = self._clock() + CHECKPOINT_EVERY

    def discard(self) -> None:
        """Nothing was done: nothing is left, and other options may be tried."""
        self._names.forget()

    def finish(self) -> None:
        """OUT is there, complete."""
        self.checkpoint(finished=True)
        self._rename()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._part.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Stopped(USAGE, f"another `jitney batch` writes {self._names.part} at this moment") from error

    def _state(self) -> Any:
        """That of the last checkpoint; empty at the first start."""
        state = read_state(self._names.state)
        if state:
            require_same(self._identity, state["identity"], self._names.part)
        elif self._part.seek(0, os.SEEK_END):
            part = self._names.part
            raise Stopped(USAGE, f"{part} is there without {self._names.state.name}: remove it to begin anew")
        return state

    def _resume(self, state: Any) -> None:
        """Count the complete rows, and cut off what is behind them."""
        head = self._format.head()
        kept = self._checkpointed(state, len(head))
        if kept == 0:
            self._part.seek(0)
            self.rows = 0
            if self._part.read(len(head)) != head:
                self._part.seek(0)
                self._part.truncate()
                _write_all(self._part, head)
            kept = len(head)
        if not state or state["boot"] == boot():
            for line in self._behind(kept):
                kept += len(line)
                self.rows += 1
        self._part.seek(kept)
        self._part.truncate()
        self.failed = _cut_errors(self._errors, self.rows)

    def _checkpointed(self, state: Any, least: int) -> int:
        """Bytes that the last checkpoint vouches for; 0 where they are not there."""
        there = self._part.seek(0, os.SEEK_END)
        if not state or not least <= state["bytes"] <= there:
            return 0
        self.rows = state["rows"]
        return int(state["bytes"])

    def _behind(self, place: int) -> Iterator[bytes]:
        """Complete rows behind this byte: what the process wrote last. A machine that lost its power may have left
        anything there, and what another machine wrote may not be here: then the checkpoint alone counts."""
        with self._names.part.open("rb") as reader:
            reader.seek(place)
            yield from self._format.complete(reader)

    def _rename(self) -> None:
        """Each step may be repeated."""
        names = self._names
        if names.part_errors.exists() and self.failed:
            names.part_errors.replace(names.errors)
        elif not self.failed:
            names.part_errors.unlink(missing_ok=True)
            names.errors.unlink(missing_ok=True)
        if names.part.exists():
            names.part.replace(names.out)
        sync_folder(names.out.parent)
        names.state.unlink(missing_ok=True)


def _opened(path: Path) -> BinaryIO:
    """To read and write, unbuffered; created where it is not there, and never emptied."""
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0)


def _write_all(file: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _cut_errors(file: BinaryIO, rows: int) -> int:
    """Drop what is said of rows that are not there. How many are left."""
    count = kept = 0
    file.seek(0)
    with open(file.fileno(), "rb", closefd=False) as reader:
        for line in reader:
            if not line.endswith(b"\n") or json.loads(line)["row"] > rows:
                break
            count, kept = count + 1, kept + len(line)
    file.seek(kept)
    file.truncate()
    return count
