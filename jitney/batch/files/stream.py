"""OUT where it is standard output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from jitney.batch.contract import Format, Row


class StreamOutput:
    """Standard output: nothing to go on from."""

    def __init__(self, to: BinaryIO, format: Format) -> None:
        self._to = to
        self._format = format
        self.rows = 0
        self.failed = 0

    def is_finished(self) -> bool:
        return False

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        self._to.write(self._format.head())
        yield

    def write(self, lines: Sequence[bytes], failed: Sequence[tuple[Row, Any]]) -> None:
        self._to.write(b"".join(lines))
        self._to.flush()
        self.rows += len(lines)
        self.failed += len(failed)

    def checkpoint(self) -> None:
        self._to.flush()

    def discard(self) -> None:
        pass

    def finish(self) -> None:
        self._to.flush()
