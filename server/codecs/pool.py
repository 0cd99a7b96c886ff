"""A bounded pool of threads for work that would block the event loop; it ends early when a client has gone."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from server.codecs.contract import Codec, Input, Plan
from server.codecs.encoding import INLINE, encode_all
from server.codecs.work import Work
from server.errors import Problem

THREADS = 2  # of each kind; most of tokenizing runs beside the interpreter, so more would only take more memory
IN_LINE = 64  # requests that wait for a thread; more are refused (overloaded)
LARGE = 65_536  # bytes or values: more takes seconds, so it has threads of its own and delays no smaller work

Made = TypeVar("Made")


class CodecPool:
    """Large work, work of middle size, pictures, and gzip, each with its own threads and queue; and one thread for what
    takes a core for seconds.

    How long a picture takes is not said by the size of its body: 10 KB may be `--max-pixels`. `THREADS` at most are
    decoded at once, so they take `THREADS` × `--max-pixels` × 16 bytes at most (a WebP; measured, see docs/images.md).
    """

    def __init__(self) -> None:
        self._middle = _Line(ThreadPoolExecutor(THREADS, "codec"))
        self._large = _Line(ThreadPoolExecutor(THREADS, "large codec"), gives_back=True)
        self._pictures = _Line(ThreadPoolExecutor(THREADS, "picture codec"))
        self._alone = _Line(ThreadPoolExecutor(1, "alone"), gives_back=True)
        self._gzip = _Line(ThreadPoolExecutor(THREADS, "gzip"))

    async def run(self, do: Callable[[], Made], size: int, work: Work, *, has_pictures: bool = False) -> Made:
        """What `do` returns or raises, from a thread. Cancelled, it also stops `work`, so the thread ends soon.

        Raises `Problem` (overloaded) at once where the queue is full.
        """
        line = self._pictures if has_pictures else self._large if size > LARGE else self._middle
        return await self._run(line, do, work)

    async def run_alone(self, do: Callable[[], Made], work: Work) -> Made:
        """The same, one after another: each waits for its turn, and takes nothing from the other lines."""
        return await self._run(self._alone, do, work)

    async def run_gzip(self, do: Callable[[], Made]) -> Made:
        """The same for bytes to pack or to unpack: milliseconds for a megabyte, beside the interpreter, so they wait
        for nothing that takes seconds, and no garbage is collected after them."""
        return await self._gzip.run(do)

    async def _run(self, line: _Line, do: Callable[[], Made], work: Work) -> Made:
        try:
            return await line.run(do)
        except asyncio.CancelledError:
            work.stop()
            raise

    async def encode(
        self, codec: Codec, inputs: Sequence[Input], options: Mapping[str, Any], work: Work, beside: int = 0
    ) -> list[Plan | Problem]:
        """`encode_all`, in a thread where these inputs are large, with so many characters beside them, or pictures."""
        size, has_pictures = sum(map(len, inputs)) + beside, any([isinstance(input, bytes) for input in inputs])
        if size <= INLINE and not has_pictures:
            return encode_all(codec, inputs, options, work)
        encode = partial(encode_all, codec, inputs, options, work)
        return await self.run(encode, size, work, has_pictures=has_pictures)

    def close(self) -> None:
        """Nothing more is begun."""
        for line in (self._middle, self._large, self._pictures, self._alone, self._gzip):
            line.threads.shutdown(wait=False, cancel_futures=True)


def give_back_memory() -> None:
    """Return freed memory to the system: errors keep their requests alive until the garbage collector runs, which is
    rare, and glibc keeps free memory for each thread."""
    gc.collect()
    with suppress(OSError, AttributeError):  # other systems have no such call
        ctypes.CDLL(None).malloc_trim(0)


class _Line:
    def __init__(self, threads: ThreadPoolExecutor, *, gives_back: bool = False) -> None:
        self.threads = threads
        self.gives_back = gives_back
        self._length = 0  # those at work included

    async def run(self, do: Callable[[], Made]) -> Made:
        if self._length >= IN_LINE + THREADS:
            raise Problem("overloaded", "Many large requests are being read here already.")
        self._length += 1
        try:
            return await asyncio.wrap_future(self.threads.submit(copy_context().run, do))
        finally:
            self._length -= 1
            if self.gives_back and not self._length:
                self.threads.submit(give_back_memory)
