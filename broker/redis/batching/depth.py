"""DEPTH: how much waits for a model, asked in one trip, or two while callers take turns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from broker.header import number
from broker.keys import Keys
from broker.messages import Depth, Lane
from broker.redis.client import Client, seconds_of
from broker.redis.connection import translated

LANES = (Lane.INTERACTIVE, Lane.BULK)


class Waiting:
    """Its jobs that nobody has claimed."""

    def __init__(self, client: Client, keys: Keys, model: str) -> None:
        self._client, self._keys, self._model = client, keys, model
        self._looks = _looks(keys, model)

    async def depth(self, woken: Sequence[Sequence[Any]]) -> Depth:
        """`woken`: what goes before in the same trip."""
        with translated():
            answers = await self._client.ask(*woken, *self._looks)
            *found, (*tokens, interactive, bulk), suspects, time = answers[len(woken) :]
            if interactive or bulk:  # callers take turns
                found += await self._client.ask(*self._further({Lane.INTERACTIVE: interactive, Lane.BULK: bulk}))
        heads = [_admitted(head) for head in found[1::2] if head]
        age = seconds_of(time) - min(heads) if heads else 0.0
        jobs = sum(found[::2]) + suspects
        return Depth(jobs=jobs, tokens=sum(int(count or 0) for count in tokens), oldest_age=max(0.0, age))

    def _further(self, turns: Mapping[Lane, bytes | None]) -> list[Sequence[Any]]:
        """What is asked of the lists of a lane but the first."""
        keys = self._keys
        lists = [keys.list(self._model, lane, number) for lane, turn in turns.items() for number in lists_in(turn)]
        return [command for key in lists for command in _look(key)]


def _looks(keys: Keys, model: str) -> Sequence[Sequence[Any]]:
    """What is always asked."""
    commands = [command for lane in LANES for command in _look(keys.queue(model, lane))]
    counts = [of(model, lane) for of in (keys.tokens, keys.turn) for lane in LANES]
    return [*commands, ("MGET", *counts), ("LLEN", keys.suspects(model)), ("TIME",)]


def _look(queue: str) -> Sequence[Sequence[Any]]:
    return ("LLEN", queue), ("LINDEX", queue, 0)


def lists_in(turn: bytes | None) -> list[int]:
    """Those but the first that may hold jobs, as a lane's `turn` names them."""
    return [int(number) for number in re.findall(rb" ([1-7]):", turn or b"")]


def _admitted(job: bytes) -> float:
    """Seconds on the broker's clock; garbage counts as brand new."""
    return number(job, "admitted") / 1000 or float("inf")
