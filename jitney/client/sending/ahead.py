"""Texts that are read ahead of their requests, so that no answer waits for the text that comes next."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from functools import partial
from typing import Protocol

from jitney.client.sending.threads import in_thread

MOST = 64  # texts: two requests'


class End(Protocol):
    """Of the reading: a future or a task."""

    def done(self) -> bool: ...
    def result(self) -> None: ...


class Room(Protocol):
    def release(self) -> None: ...


class Read:
    """What was read and is not taken yet. Once only; None says that there is nothing for now."""

    _end: End
    _room: Room

    def __init__(self) -> None:
        self._texts: deque[str] = deque()

    def __iter__(self) -> Iterator[str | None]:
        while True:
            has_ended = self._end.done()  # asked before the texts are: no text comes behind the end
            if self._texts:
                self._room.release()
                yield self._texts.popleft()
            elif has_ended:
                return self._end.result()
            else:
                yield None

    def _add(self, text: str, arrived: Callable[[], None]) -> None:
        self._texts.append(text)
        if len(self._texts) == 1:  # whoever takes them waits only where there was none
            arrived()


class ReadAhead(Read):
    """Texts that a thread of its own reads, a few more than are asked for: `translate_many(ReadAhead(texts), to="fr")`
    gives each answer when it is there, also while `texts` wait for their next one."""

    def __init__(self, texts: Iterable[str], most: int = MOST) -> None:
        super().__init__()
        self._source = texts
        self._room = self._space = threading.Semaphore(most)
        self._is_closed = False

    def start(self, arrived: Callable[[], None]) -> None:
        self._end = end = in_thread(partial(copy_context().run, self._run, arrived))
        end.add_done_callback(lambda _: arrived())

    def close(self) -> None:
        """The thread ends, once the texts do not keep it waiting any more."""
        self._is_closed = True
        self._space.release()

    def _run(self, arrived: Callable[[], None]) -> None:
        for text in self._source:
            self._space.acquire()
            if self._is_closed:
                return
            self._add(text, arrived)


@contextlib.contextmanager
def read_ahead(texts: Iterable[str] | ReadAhead, arrived: Callable[[], None]) -> Iterator[Iterable[str | None]]:
    """Any other iterable is read in the caller's thread, to which it may be tied."""
    if not isinstance(texts, ReadAhead):
        yield texts
        return
    texts.start(arrived)
    try:
        yield texts
    finally:
        texts.close()
