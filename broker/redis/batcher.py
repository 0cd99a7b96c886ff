"""The broker as one batcher sees it, on Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

import structlog
from redis.exceptions import NoScriptError

from broker.contract import DEAD_KEPT, FRAME_TTL, NEVER, POISON_AFTER, PRUNED_AFTER
from broker.errors import BrokerFull, WireError
from broker.header import text
from broker.keys import Keys
from broker.messages import Claim, DeadLetter, Depth, Failure, Finish, Job, Lane, Limits
from broker.redis import scripts
from broker.redis.batching.claimed import ClaimedBatches, Publication
from broker.redis.batching.dead_letters import letters_of
from broker.redis.batching.depth import Waiting
from broker.redis.bodies import fetch
from broker.redis.client import Client, raise_first
from broker.redis.connection import check, make_client, translated
from broker.trips import CLAIM_BYTES
from broker.wire import decode_job, encode_failures, lies_apart

FRAME_TTL_MS = int(1000 * FRAME_TTL)
# Bytes of results that a script publishes as cheaply as a transaction does, by an eighth of the commands.
SMALL = 1 << 12
JOBS_A_CALL = 2_560  # in expired leases, after which RECLAIM takes no further one: ten full batches
BYTES_A_CALL = 1 << 24  # the same in bytes
IDS_SHOWN = 8  # of jobs, in one line of the log

log = structlog.get_logger("broker")


async def connect_batcher(url: str, namespace: str, model: str, *, lease: float = 2.5) -> RedisBatcher:
    """The batcher of ⟨m⟩ = `model`; `lease` in seconds. It connects on first use."""
    # Below a usual lease, so that a lost answer is asked for again while it lasts; above the longest blocking call.
    timeout = max(1.0, min(1.5, 0.75 * lease))
    client = make_client(url, name="jitney-batcher", socket_timeout=timeout)
    return RedisBatcher(client, Keys(namespace), model, lease)


class RedisBatcher:
    """Keeps `BatcherBroker`."""

    def __init__(self, client: Client, keys: Keys, model: str, lease: float) -> None:
        self._client, self._keys, self._model, self._lease = client, keys, model, lease
        self._claimed = ClaimedBatches()
        lanes = (Lane.INTERACTIVE, Lane.BULK)
        queues = [of(model, lane) for of in (keys.queue, keys.tokens) for lane in lanes]
        # The six keys that DRAIN, RELEASE and RECLAIM begin with, and the four with which they end.
        self._lists = [*queues, keys.suspects(model), keys.wake(model)]
        self._ends = [of(model, lane) for of in (keys.lane_bytes, keys.turn) for lane in lanes]
        self._leases, self._held, self._marks = keys.leases(model), keys.held(model), keys.cancel(model)
        self._waiting = Waiting(client, keys, model)

    async def check(self) -> None:
        """Raise `BrokerUnfit` for a server that would lose jobs."""
        await check(self._client, self._keys.epoch)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def wait(self, timeout: float) -> bool:
        wake = self._keys.wake(self._model)
        with translated():
            # BLPOP would take no time for ever.
            [token] = await self._client.ask(("BLPOP", wake, timeout) if timeout > 0.0 else ("LPOP", wake))
        return token is not None

    async def depth(self, *, wait: float = 0.0) -> Depth:
        woken = [("BLPOP", self._keys.wake(self._model), wait)] if wait > 0.0 else []
        return await self._waiting.depth(woken)

    async def drain(
        self,
        batch: str,
        limits: Limits,
        *,
        staged: bool,
        suspects: bool,
        wait: float = 0.0,
        bulk_after: float = NEVER,
    ) -> Claim:
        keys = [*self._lists, self._leases, self._keys.lease(batch), self._marks, self._held, *self._ends]
        args = [
            batch,
            int(self._lease * 1000),
            limits.max_batch_size,
            limits.max_batch_tokens,
            int(staged),
            int(suspects),
            int(bulk_after * 1000),
            CLAIM_BYTES,
        ]
        woken = [("BLPOP", self._keys.wake(self._model), wait)] if wait > 0.0 else []
        answer = await scripts.DRAIN.run_after(self._client, woken, keys, args)
        now, left, suspects_left, closed_by, *found = answer
        apart = [data for data in found if lies_apart(data)]
        bodies = await self._bodies(batch, apart, now) if apart else {}
        if len(bodies) < len(apart):
            found = await self._without_gone(batch, found, bodies)
        jobs, spoiled = _decoded(found, bodies)
        if found:
            self._claimed.remember(batch, jobs, spoiled, apart)
        return Claim(
            batch=batch,
            jobs=jobs,
            spoiled=list(spoiled),
            left=left,
            suspects=suspects_left,
            claimed=now / 1000,
            closed_by=closed_by.decode("ascii"),
        )

    async def _bodies(self, batch: str, jobs: Sequence[bytes], now: int) -> Mapping[str, bytes]:
        """Those that are still there. `now`: when it was claimed, ms on the broker's clock."""
        began = monotonic()

        def renewal() -> Sequence[Any]:  # XX: a lease that was lost stays lost
            passed = monotonic() - began
            return "ZADD", self._leases, "XX", "GT", now + int(1000 * (passed + self._lease)), batch

        return await fetch(self._client, self._keys, jobs, renewal)

    async def _without_gone(self, batch: str, jobs: Sequence[bytes], bodies: Mapping[str, bytes]) -> list[bytes]:
        """A job whose body is gone has expired or was cancelled: it leaves the lease."""
        kept = [data for data in jobs if not lies_apart(data) or text(data, "id") in bodies]
        gone = [text(data, "id") for data in jobs if data not in kept]
        why = "their bodies are gone: expired or cancelled"  # and with them whose they were
        log.info("jobs dropped", batch=batch, jobs=len(gone), ids=gone[:IDS_SHOWN], reason=why)
        await self._finish(Publication(ids={batch: gone}, done=[] if kept else [batch]), None)
        self._claimed.drop(batch, gone)
        return kept

    async def finish(self, ended: Sequence[Finish], *, starts: str | None) -> None:
        for publication in self._claimed.publications(ended):
            await self._finish(publication, starts)
            self._claimed.note_told(publication)
            starts = None
        self._claimed.end(ended)

    async def _finish(self, publication: Publication, starts: str | None) -> None:
        if publication.size <= SMALL and not publication.apart:  # those bodies go with their results, or not at all
            await self._finish_by_script(publication, starts)
            return
        try:
            await self._finish_by_transaction(publication, starts)
        except BrokerFull:
            await self._finish_by_script(publication, starts)

    async def _finish_by_script(self, publication: Publication, starts: str | None) -> None:
        keys, args = self._leaving(publication, starts)
        for address, frames in publication.frames():
            for frame in frames:
                keys += [self._keys.reply(address), self._keys.bell(address)]
                args.append(frame)
        await scripts.FINISH.run(self._client, keys, args)
        await self._remove_bodies(publication.apart)

    # What is large does not pass through Lua: MULTI costs the server a quarter of it.
    async def _finish_by_transaction(self, publication: Publication, starts: str | None) -> None:
        keys, args = self._leaving(publication, starts)
        commands: list[Sequence[Any]] = [scripts.FINISH.by_hash(keys, args)]
        for address, frames in publication.frames():
            reply, bell = self._keys.reply(address), self._keys.bell(address)
            commands += [("RPUSH", reply, *frames), ("PEXPIRE", reply, FRAME_TTL_MS)]
            commands += [("DEL", bell), ("RPUSH", bell, b"1"), ("PEXPIRE", bell, FRAME_TTL_MS)]
        if publication.apart:
            commands.append(("UNLINK", *map(self._keys.body, publication.apart)))
        with translated():
            answers = await self._client.atomic(*commands)
            if isinstance(answers[0], NoScriptError):  # all else is done
                answers[0] = await scripts.FINISH.run(self._client, keys, args)
            raise_first(commands, answers)

    async def _remove_bodies(self, jobs: Sequence[str]) -> None:
        if jobs:
            with translated():
                await self._client.unlink(*map(self._keys.body, jobs))

    def _leaving(self, publication: Publication, starts: str | None) -> tuple[list[str], list[Any]]:
        """What FINISH takes out of which leases."""
        keys = [self._leases, self._held, self._leases if starts is None else self._keys.lease(starts)]
        partly = {batch: ids for batch, ids in publication.ids.items() if batch not in publication.done}
        args: list[Any] = [len(partly) + len(publication.done)]
        for batch in publication.done:
            args += [batch, 1, 0]
        for batch, ids in partly.items():
            args += [batch, 0, len(ids), *ids]
        return [*keys, *map(self._keys.lease, [*publication.done, *partly])], args

    async def fail(self, batch: str, failures: Sequence[Failure]) -> None:
        keys = [self._leases, self._keys.lease(batch), self._held]
        args: list[Any] = [batch]
        for failure in failures:
            address = self._claimed.address(batch, failure.job_id) or ""
            keys += [self._keys.reply(address), self._keys.bell(address)]
            args += [failure.job_id, encode_failures([failure])]
        published = await scripts.FAIL.run(self._client, keys, args)
        # Of those alone: where the lease is lost, others are to compute them.
        await self._remove_bodies(self._claimed.apart(batch, [id.decode("ascii", "replace") for id in published]))
        self._claimed.drop(batch, [failure.job_id for failure in failures])

    async def start(self, batch: str) -> None:
        with translated():
            await self._client.hdel(self._keys.lease(batch), "staged")

    async def release(self, batch: str) -> None:
        keys = [*self._lists, self._leases, self._keys.lease(batch), self._held, *self._ends]
        await scripts.RELEASE.run(self._client, keys, [batch])
        self._claimed.forget(batch)

    async def reclaim(self) -> Sequence[DeadLetter]:
        model = self._model
        keys = [*self._lists, self._leases, self._keys.dead(model), self._keys.cards, self._keys.batchers]
        keys += [self._marks, self._held, *self._ends]
        args = [self._keys.prefix, POISON_AFTER, DEAD_KEPT, int(1000 * PRUNED_AFTER), JOBS_A_CALL, BYTES_A_CALL]
        args.append(int(2000 * self._lease))
        dead = await scripts.RECLAIM.run(self._client, keys, args)
        return await letters_of(self._client, self._keys, model, dead)


def _decoded(found: Sequence[bytes], bodies: Mapping[str, bytes]) -> tuple[list[Job], dict[str, str]]:
    """The jobs, and the ids of those that are not one, each with the front end that waits for it."""
    jobs, spoiled = [], {}
    for data in found:
        try:
            jobs.append(decode_job(data, bodies.get(text(data, "id")) if bodies else None))
        except WireError:
            id = text(data, "id")
            spoiled[id] = text(data, "front_end")
            log.error("job unreadable", job=id, version=text(data, "version"), kind=text(data, "kind"))
    return jobs, spoiled
