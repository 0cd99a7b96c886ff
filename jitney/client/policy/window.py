"""Many texts in requests of a few: what goes next, what is answered in order, and what a refusal means. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from jitney.client.errors import (
    BadReply,
    JitneyError,
    ModelFailed,
    NotFound,
    RecordError,
    Refused,
    TimedOut,
    ended_at,
)
from jitney.client.policy.flow import Flow
from jitney.client.policy.packing import packed
from jitney.client.policy.tries import is_by_records, is_passing

T = TypeVar("T")

OVERDUE = "expired"  # the server's code


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of what is in hand at once, in texts."""

    window: int = 256
    per_request: int = 32

    @property
    def requests(self) -> int:
        """Under way at once."""
        return max(1, self.window // self.per_request)


@dataclass(slots=True, eq=False)
class Pack(Generic[T]):
    """A few texts, one request."""

    texts: list[str]
    ends_at: float = math.inf  # from its first try on
    is_under_way: bool = False
    answers: list[T] | None = None
    error: JitneyError | None = None  # which ends it all

    def waits(self) -> bool:
        return not self.is_under_way and not self.has_ended()

    def has_ended(self) -> bool:
        return self.answers is not None or self.error is not None


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def is_of_the_text(error: JitneyError) -> bool:
    """Where it is about one text, the next one may be answered."""
    return isinstance(error, Refused) and is_by_records(error.status, error.code)


def is_perhaps_of_one(error: JitneyError) -> bool:
    """Or else of nobody, and then it ends at one text that can be named."""
    is_internal = isinstance(error, Refused) and error.status == 500
    return is_of_the_text(error) or is_internal or isinstance(error, BadReply)


class Window(Generic[T]):
    """At most so many texts, or one pack of them, from the oldest that is not taken to the newest that was read.

    A call without any text was answered before. So what is not there now was there: a front end that has just started
    has not met the models yet.
    """

    def __init__(
        self,
        texts: Iterable[str | None],  # None: nothing for now
        bounds: Bounds,
        timeout: float,
        failed: Callable[[list[str], RecordError], list[T]],
    ) -> None:
        self._packs = packed(texts, _size, most=bounds.per_request)
        self._bounds = bounds
        self._timeout = timeout
        self._failed = failed
        self._flow = Flow(bounds.requests, math.inf)
        self._in_hand: list[Pack[T]] = []  # in their order
        self._taken = 0  # texts
        self._read: list[str] = []  # and has no room yet
        self._has_read_all = False
        self._failure: Exception | None = None  # of the texts themselves
        self.is_dry = False  # when a text was last asked for, there was none for now

    def begin(self, now: float) -> Pack[T] | None:
        """The next to send. None: nothing may go now, or nothing is left."""
        under_way = sum(pack.is_under_way for pack in self._in_hand)
        if self._flow.pause(now) > 0 or under_way >= self._flow.limit:
            return None
        pack = next((pack for pack in self._in_hand if pack.waits()), None) or self._new(now)
        if pack is not None:
            pack.is_under_way = True
        return pack

    def pause(self, now: float) -> float:
        """Seconds until something may go that was refused before."""
        return self._flow.pause(now)

    def has_ended(self) -> bool:
        return not self._in_hand and self._has_read_all

    def answered(self, pack: Pack[T], answers: list[T]) -> None:
        self._flow.answered()
        pack.is_under_way, pack.answers = False, answers

    def refused(self, pack: Pack[T], error: JitneyError, now: float) -> None:
        """Ask again later, by halves, or not at all. Where no text would be answered this ends it, once those before
        have their answers."""
        pack.is_under_way = False
        if pack not in self._in_hand:
            return  # it stood behind what ends it
        if isinstance(error, ModelFailed | TimedOut):
            self._fail(pack, error)
        elif is_passing(error) or isinstance(error, NotFound):
            self._later(pack, error, now)
        elif len(pack.texts) > 1 and is_perhaps_of_one(error):
            self._halve(pack, now)
        elif is_of_the_text(error):
            self._fail(pack, error)
        else:
            self._end(pack, error)

    def taken(self) -> Iterator[T]:
        """Answers that nothing before them is missing of; they are not in hand any more. Then raises what ends it."""
        while self._in_hand and self._in_hand[0].has_ended():
            pack = self._in_hand[0]
            if pack.error:
                raise ended_at(pack.error, range(self._taken, self._taken + len(pack.texts)))
            self._in_hand.pop(0)
            self._taken += len(pack.texts)
            yield from pack.answers or ()
        if self._failure and not self._in_hand:
            raise self._failure

    def _new(self, now: float) -> Pack[T] | None:
        texts = self._peek()
        in_hand = sum(len(pack.texts) for pack in self._in_hand)
        if not texts or (self._in_hand and in_hand + len(texts) > self._bounds.window):
            return None
        self._read = []
        pack: Pack[T] = Pack(texts, now + self._timeout)
        self._in_hand.append(pack)
        return pack

    def _peek(self) -> list[str]:
        if not self._read and not self._has_read_all:
            self._read = self._next() or []
            self.is_dry = not self._read and not self._has_read_all
        return self._read

    def _next(self) -> list[str] | None:
        """Behind the last text, or what is raised there, None."""
        try:
            texts = next(self._packs, None)
        except Exception as error:
            self._failure, texts = error, None
        self._has_read_all = texts is None
        return texts

    def _later(self, pack: Pack[T], error: JitneyError, now: float) -> None:
        self._flow.refused(now, error.retry_after if isinstance(error, Refused) else None)
        if now + self._flow.pause(now) >= pack.ends_at:
            self._end(pack, error)

    def _end(self, pack: Pack[T], error: JitneyError) -> None:
        """What stands before is still asked; what stands behind will have no answer."""
        pack.error = error
        del self._in_hand[self._in_hand.index(pack) + 1 :]
        self._read, self._has_read_all, self._failure = [], True, None

    def _halve(self, pack: Pack[T], now: float) -> None:
        self._flow.answered()
        at, middle, ends_at = self._in_hand.index(pack), len(pack.texts) // 2, now + self._timeout
        self._in_hand[at : at + 1] = [Pack(pack.texts[:middle], ends_at), Pack(pack.texts[middle:], ends_at)]

    def _fail(self, pack: Pack[T], error: JitneyError) -> None:
        """What the server did not say in time is what it would have said."""
        code, message = (error.code, error.detail) if isinstance(error, Refused) else (OVERDUE, str(error))
        pack.answers = self._failed(pack.texts, RecordError(code=code, message=message))
