"""Large bodies: strings beside the queue, written and read by plain commands, so that no script copies one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from broker.errors import BrokerError
from broker.header import text
from broker.keys import Keys
from broker.messages import REQUEST, Cancel
from broker.redis.admission import Carried
from broker.redis.client import Client
from broker.redis.connection import translated
from broker.trips import TRIP_BYTES, cut_by
from broker.wire import size_with_body

MARGIN = 10.0  # seconds that a body outlives its job: time to fetch one that was claimed in its last moment


class StoredBodies:
    """Those that a front end has brought. What it does not take away goes with its time."""

    def __init__(self, client: Client, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._keys, self._clock = client, keys, clock
        self._stored: dict[str, tuple[float, Sequence[str]]] = {}  # digits of a request → when they go, ids of its jobs
        self._sequence = 0  # of the last admission that brought some

    def store(self, carried: Sequence[Carried]) -> list[list[Any]]:
        """The commands to send before the admission."""
        commands = []
        for one in carried:
            left = max(0.0, one.request.time_left) + MARGIN
            for job, body in one.bodies.items():
                commands.append(["SET", self._keys.body(job), body, "PX", int(1000 * left)])
            self._note([*one.bodies], self._clock() + left)
        return commands

    def _note(self, jobs: Sequence[str], until: float) -> None:
        self._stored |= dict.fromkeys([job[:REQUEST] for job in jobs], (until, jobs))
        while self._stored and next(iter(self._stored.values()))[0] < self._clock():
            del self._stored[next(iter(self._stored))]

    async def were_taken(self, sequence: int, admit: str) -> bool:
        """Whether this admission was made, and its answer lost: its jobs may have ended since, and their bodies with
        them."""
        is_first, self._sequence = sequence != self._sequence, sequence
        if is_first:
            return False
        with translated():
            found: Any = await self._client.get(admit)
        return found is not None and found.startswith(b"%d " % sequence)

    async def take_back(self, carried: Iterable[Carried]) -> None:
        """The broker has not taken these requests."""
        await self._remove([job for one in carried for job in one.bodies])

    async def cancel(self, cancelled: Iterable[Cancel]) -> None:
        """Nobody waits for these any more."""
        if self._stored:
            found = [(one.ids, self._stored.get(one.ids[:REQUEST], (0.0, ()))[1]) for one in cancelled]
            await self._remove([job for digits, jobs in found for job in jobs if job.startswith(digits)])

    async def _remove(self, jobs: Sequence[str]) -> None:
        """As good as it goes: what is not removed ends by itself."""
        if jobs:
            with suppress(BrokerError), translated():
                await self._client.unlink(*map(self._keys.body, jobs))


async def fetch(
    client: Client, keys: Keys, jobs: Sequence[bytes], renewal: Callable[[], Sequence[Any]]
) -> dict[str, bytes]:
    """The bodies of these jobs that are still there, by their ids, a trip at a time. `renewal` is a command that keeps
    their lease from the second trip on."""
    bodies: dict[str, bytes] = {}
    for part in cut_by(size_with_body, jobs, TRIP_BYTES):
        ids = [text(data, "id") for data in part]
        with translated():
            renewed = [renewal()] if bodies else []
            found = (await client.ask(*renewed, ("MGET", *map(keys.body, ids))))[-1]
        bodies |= {id: body for id, body in zip(ids, found, strict=True) if body is not None}
    return bodies
