"""A few look-ups at once, their answers in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import islice
from typing import TypeVar

AT_ONCE = 16
A = TypeVar("A")
B = TypeVar("B")


async def concurrently(these: Iterable[A], look_up: Callable[[A], Awaitable[B]]) -> AsyncIterator[tuple[A, B]]:
    """Each with its answer, AT_ONCE of them under way; the first error ends it."""
    left = iter(these)
    while some := list(islice(left, AT_ONCE)):
        answers = await asyncio.gather(*map(look_up, some))
        for pair in zip(some, answers, strict=True):
            yield pair
