"""A front end is killed amid a large piece of work: how soon another goes on, what is done twice, what is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from benchmarks.batches.contract import NotMeasured
from benchmarks.lib.http_client import HttpClient, Returned, fast_run
from benchmarks.lib.stack import NAMESPACE, Child, Stack
from broker.keys import Keys

NAME, SPEC = "card", "synthetic:20ms+0.5ms"
LIMIT = 120.0  # seconds of anything that is waited for
LOOK = 0.02  # seconds between two looks
SETTLED = 0.5  # seconds for which nothing more is computed


class Work(Protocol):
    """What is to be done, and how its client asks for it. Every method raises `OSError`, `NotMeasured`."""

    async def submit(self, client: HttpClient, texts: list[str]) -> str:
        """The id of this work, which the front end of this client runs."""

    async def answers(self, client: HttpClient, id: str) -> list[Any] | None:
        """The answer to each text; None while it is not done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What came of one. Seconds are counted from the kill."""

    records: int
    done_before: int  # records that had left the card when the front end was killed
    adopted: float  # seconds until another front end had it
    finished: float  # seconds until its result was there
    twice: int  # records that were computed again
    wrong: int  # records whose answer is missing, out of order, or another one


def kill_in_turn(stack: Stack, work: Work, kills: int, records: int, *options: str) -> list[Kill]:
    """Each time the front end that is left is the next to be killed, and a new one stands beside it. `options` are
    theirs. Raises `NotReady`, `OSError`, `NotMeasured`."""
    batcher, front_ends, found = stack.start_batcher(NAME, SPEC), list[Child](), list[Kill]()
    for number in range(kills):
        while len(front_ends) < 2:
            front_ends.append(stack.start_front_end(*options, title=f"front end {number}.{len(front_ends)}"))
        for front_end in front_ends:
            stack.wait_until_it_answers(front_end, NAME)
        found.append(kill_amid(stack, batcher, front_ends.pop(0), front_ends[0], work, records))
    return found


def kill_amid(stack: Stack, batcher: Child, owner: Child, other: Child, work: Work, records: int) -> Kill:
    """Give the work to `owner`, kill it half-way, fetch the answers from `other`. Raises `OSError`, `NotMeasured`."""
    texts = [f"text {number}" for number in range(records)]
    before = _settled(lambda: stack.jobs(batcher))
    id = _asked(owner, partial(work.submit, texts=texts))
    first = _owner(stack, id)
    _until(lambda: stack.jobs(batcher) >= before + records // 2, "half of it is computed")
    stack.kill(owner)
    killed, done_before = time.perf_counter(), stack.jobs(batcher) - before
    adopted = _until(lambda: _owner(stack, id) != first, "it is adopted")
    answers: list[Any] = []
    fetch = partial(work.answers, id=id)
    finished = _until(lambda: _are_there(answers, _asked(other, fetch)), "its result is there")
    computed = _settled(lambda: stack.jobs(batcher)) - before
    return Kill(
        records=records,
        done_before=done_before,
        adopted=adopted - killed,
        finished=finished - killed,
        twice=computed - records,
        wrong=wrong(texts, answers),
    )


def wrong(texts: list[str], answers: list[Any]) -> int:
    """How many texts are not answered in their place. The model answers each text reversed."""
    amiss = sum(answer != text[::-1] for answer, text in zip(answers, texts, strict=False))
    return int(amiss) + abs(len(answers) - len(texts))


def _asked(front_end: Child, ask: Callable[[HttpClient], Awaitable[Returned]]) -> Returned:
    """What it says. Raises `OSError`, `NotMeasured`."""

    async def once() -> Returned:
        with HttpClient(front_end.url) as client:
            return await asyncio.wait_for(ask(client), LIMIT)

    return fast_run(once())


def _are_there(answers: list[Any], found: list[Any] | None) -> bool:
    answers += found or []
    return found is not None


def _owner(stack: Stack, id: str) -> Any:
    return stack.redis.hget(Keys(NAMESPACE).prediction(id), "owner")


def _until(holds: Callable[[], bool], what: str) -> float:
    """When it did. Raises `NotMeasured`."""
    give_up = time.perf_counter() + LIMIT
    while not holds():
        if time.perf_counter() > give_up:
            raise NotMeasured(f"waited {LIMIT:g} s in vain until {what}")
        time.sleep(LOOK)
    return time.perf_counter()


def _settled(count: Callable[[], int]) -> int:
    """What it counts once that has stood still: the last jobs, or those of the dead front end, may be on the card."""
    counted = -1
    while (now := count()) != counted:
        counted = now
        time.sleep(SETTLED)
    return counted
