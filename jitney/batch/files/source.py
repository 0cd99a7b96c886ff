"""IN, as it is opened."""

from __future__ import annotations

import contextlib
import io
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from jitney.batch.contract import USAGE, Stopped
from jitney.batch.options import STREAM

NOT_READ = {b"\x1f\x8b": "is compressed", b"\xff\xfe": "is UTF-16, not UTF-8", b"\xfe\xff": "is UTF-16, not UTF-8"}
READ_AHEAD = 256 << 10  # bytes


@contextlib.contextmanager
def source_of(path: str) -> Iterator[BinaryIO]:
    """Standard input, or a file. Raises `Stopped` for one that is not read."""
    if path == STREAM:
        yield sys.stdin.buffer
        return
    with io.BufferedReader(io.FileIO(path), READ_AHEAD) as file:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise Stopped(USAGE, f"{path} is no file that can be read twice: pipe it in, and say - for IN")
        why = NOT_READ.get(file.peek(2)[:2])
        if why:
            raise Stopped(USAGE, f"{path} {why}; pipe it through what changes that, and say - for IN")
        yield file
