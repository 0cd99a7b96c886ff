"""The broker as one batcher sees it, on Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import redis.asyncio
import structlog
from redis.exceptions import NoScriptError

from broker.contract import DEAD_KEPT, FRAME_TTL, NEVER, POISON_AFTER, PRUNED_AFTER
from broker.errors import BrokerFull, WireError
from broker.header import number, text
from broker.keys import Keys
from broker.messages import Claim, DeadLetter, Depth, Failure, Finish, Job, Lane, Limits
from broker.redis import scripts
from broker.redis.connection import check, make_client, translated
from broker.redis.finish import Publication
from broker.trips import TRIP_BYTES
from broker.wire import decode_job, encode_failures, encode_result

FRAME_TTL_MS = int(1000 * FRAME_TTL)
JOBS_A_CALL = 2_560  # in expired leases, after which RECLAIM takes no further one: ten full batches
BYTES_A_CALL = 1 << 24  # the same in bytes
BATCHES_REMEMBERED = 512  # an in-flight engine holds up to 256, of one job each
CONNECTIONS = 4  # wait, drain, finish and reclaim may be away at once

log = structlog.get_logger("broker")


async def connect_batcher(url: str, namespace: str, model: str, *, lease: float = 2.5) -> RedisBatcher:
    """The batcher of ⟨m⟩ = `model`; `lease` in seconds. It connects on first use."""
    # Below a usual lease, so that a lost answer is asked for again while it lasts; above the longest blocking call.
    timeout = max(1.0, min(1.5, 0.75 * lease))
    client = make_client(url, name="jitney-batcher", socket_timeout=timeout, max_connections=CONNECTIONS)
    return RedisBatcher(client, Keys(namespace), model, lease)


class RedisBatcher:
    """Keeps `BatcherBroker`."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, model: str, lease: float) -> None:
        self._client, self._keys, self._model, self._lease = client, keys, model, lease
        # Batch → job id → the front end that waits for it. By batch, because a job whose lease was lost may be claimed
        # here again: the end of its first run must not make its second one forget where the result goes.
        self._addresses: dict[str, dict[str, str]] = {}
        self._told: dict[str, set[str]] = {}  # batch → jobs of a FINISH under way whose results were brought

    async def check(self) -> None:
        """Raise `BrokerUnfit` for a server that would lose jobs."""
        await check(self._client, self._keys.epoch)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def wait(self, timeout: float) -> bool:
        wake = self._keys.wake(self._model)
        with translated():
            if timeout <= 0.0:  # BLPOP would take it for ever
                return await self._client.lpop(wake) is not None
            return await self._client.blpop([wake], timeout=timeout) is not None

    async def depth(self) -> Depth:
        lanes = (Lane.INTERACTIVE, Lane.BULK)
        with translated():
            async with self._client.pipeline(transaction=False) as pipe:
                for lane in lanes:
                    pipe.llen(self._keys.queue(self._model, lane))
                    pipe.get(self._keys.tokens(self._model, lane))
                    pipe.lindex(self._keys.queue(self._model, lane), 0)
                pipe.llen(self._keys.suspects(self._model))
                pipe.time()
                *found, suspects, (seconds, micros) = await pipe.execute()
        heads = [_admitted(head) for head in (found[2], found[5]) if head]
        age = seconds + micros / 1e6 - min(heads) if heads else 0.0
        tokens = int(found[1] or 0) + int(found[4] or 0)
        return Depth(jobs=found[0] + found[3] + suspects, tokens=tokens, oldest_age=max(0.0, age))

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
        model = self._model
        keys = [*self._lists(), self._keys.leases(model), self._keys.lease(batch), self._keys.cancel(model)]
        keys.append(self._keys.held(model))
        args = [
            batch,
            int(self._lease * 1000),
            limits.max_batch_size,
            limits.max_batch_tokens,
            int(staged),
            int(suspects),
            int(bulk_after * 1000),
            TRIP_BYTES,
        ]
        woken = [("BLPOP", self._keys.wake(self._model), wait)] if wait > 0.0 else []
        answer = await scripts.DRAIN.run_after(self._client, woken, keys, args)
        now, left, suspects_left, closed_by, *found = answer
        if found:
            self._forget_old_batches()
            self._addresses[batch] = {text(data, "id"): text(data, "front_end") for data in found}
        jobs, spoiled = _decoded(found)
        return Claim(
            batch=batch,
            jobs=jobs,
            spoiled=spoiled,
            left=left,
            suspects=suspects_left,
            claimed=now / 1000,
            closed_by=closed_by.decode("ascii"),
        )

    async def finish(self, ended: Sequence[Finish], *, starts: str | None) -> None:
        for publication in self._publications(ended):
            try:
                await self._finish(publication, starts)
            except BrokerFull:
                await self._finish_when_full(publication, starts)
            self._note_told(publication)
            starts = None
        for one in ended:
            self._told.pop(one.batch, None)
            if one.done:
                self._addresses.pop(one.batch, None)

    def _forget_old_batches(self) -> None:
        # A batch that was abandoned after a failure never finishes; of those that live there are half as many at most.
        while len(self._addresses) >= BATCHES_REMEMBERED:
            oldest = next(iter(self._addresses))
            del self._addresses[oldest]
            self._told.pop(oldest, None)

    def _publications(self, ended: Sequence[Finish]) -> Iterator[Publication]:
        """What ended, a trip at a time; the last one takes the leases of the batches that are done."""
        publication = Publication()
        for one in ended:
            told = self._told.get(one.batch, ())
            for result in one.results:
                if result.job_id in told:  # by a trip before one that failed
                    continue
                address = self._addresses.get(one.batch, {}).get(result.job_id)
                if address is None:
                    log.error("result dropped", job=result.job_id, reason="nobody is known to wait for it")
                row = encode_result(result) if address else b""
                if not publication.has_room_for(row):
                    yield publication
                    publication = Publication()
                publication.add(one.batch, result.job_id, address, row)
        publication.done = [one.batch for one in ended if one.done]
        yield publication

    def _note_told(self, publication: Publication) -> None:
        for batch, ids in publication.ids.items():
            self._told.setdefault(batch, set()).update(ids)

    # Result bodies do not pass through Lua: MULTI costs the server a tenth of it.
    async def _finish(self, publication: Publication, starts: str | None) -> None:
        keys, args = self._leaving(publication, starts)
        with translated():
            async with self._client.pipeline(transaction=True) as pipe:
                pipe.execute_command(*scripts.FINISH.by_hash(keys, args))
                for address, frames in publication.frames():
                    reply, bell = self._keys.reply(address), self._keys.bell(address)
                    pipe.rpush(reply, *frames)
                    pipe.pexpire(reply, FRAME_TTL_MS)
                    pipe.delete(bell)
                    pipe.rpush(bell, b"1")
                    pipe.pexpire(bell, FRAME_TTL_MS)
                try:
                    await pipe.execute()
                except NoScriptError:  # all else is done
                    await scripts.FINISH.run(self._client, keys, args)

    async def _finish_when_full(self, publication: Publication, starts: str | None) -> None:
        keys, args = self._leaving(publication, starts)
        for address, frames in publication.frames():
            for frame in frames:
                keys += [self._keys.reply(address), self._keys.bell(address)]
                args.append(frame)
        await scripts.FINISH.run(self._client, keys, args)

    def _leaving(self, publication: Publication, starts: str | None) -> tuple[list[str], list[Any]]:
        """What FINISH takes out of which leases."""
        leases = self._keys.leases(self._model)
        keys = [leases, self._keys.held(self._model), self._keys.lease(starts) if starts is not None else leases]
        partly = {batch: ids for batch, ids in publication.ids.items() if batch not in publication.done}
        args: list[Any] = [len(partly) + len(publication.done)]
        for batch in publication.done:
            args += [batch, 1, 0]
        for batch, ids in partly.items():
            args += [batch, 0, len(ids), *ids]
        return [*keys, *map(self._keys.lease, [*publication.done, *partly])], args

    async def fail(self, batch: str, failures: Sequence[Failure]) -> None:
        keys = [self._keys.leases(self._model), self._keys.lease(batch), self._keys.held(self._model)]
        args: list[Any] = [batch]
        addresses = self._addresses.get(batch, {})
        for failure in failures:
            address = addresses.get(failure.job_id, "")
            keys += [self._keys.reply(address), self._keys.bell(address)]
            args += [failure.job_id, encode_failures([failure])]
        await scripts.FAIL.run(self._client, keys, args)
        for failure in failures:
            addresses.pop(failure.job_id, None)
        if not addresses:
            self._addresses.pop(batch, None)

    async def start(self, batch: str) -> None:
        with translated():
            await self._client.hdel(self._keys.lease(batch), "staged")

    async def release(self, batch: str) -> None:
        keys = [*self._lists(), self._keys.leases(self._model), self._keys.lease(batch), self._keys.held(self._model)]
        await scripts.RELEASE.run(self._client, keys, [batch])
        self._addresses.pop(batch, None)

    async def reclaim(self) -> Sequence[DeadLetter]:
        model = self._model
        keys = [*self._lists(), self._keys.leases(model), self._keys.dead(model), self._keys.cards, self._keys.batchers]
        keys += [self._keys.cancel(model), self._keys.held(model)]
        args = [self._keys.prefix, POISON_AFTER, DEAD_KEPT, int(1000 * PRUNED_AFTER), JOBS_A_CALL, BYTES_A_CALL]
        args.append(int(2000 * self._lease))
        dead = await scripts.RECLAIM.run(self._client, keys, args)
        return [DeadLetter(job_id=id.decode("ascii", "replace").rstrip(), model=model) for id in dead]

    def _lists(self) -> list[str]:
        """The six keys that DRAIN, RELEASE and RECLAIM begin with."""
        model, lanes = self._model, (Lane.INTERACTIVE, Lane.BULK)
        queues = [of(model, lane) for of in (self._keys.queue, self._keys.tokens) for lane in lanes]
        return [*queues, self._keys.suspects(model), self._keys.wake(model)]


def _decoded(found: Sequence[bytes]) -> tuple[list[Job], list[str]]:
    """The jobs, and the ids of those that are not one."""
    jobs, spoiled = [], []
    for data in found:
        try:
            jobs.append(decode_job(data))
        except WireError:
            spoiled.append(text(data, "id"))
            log.error("job unreadable", job=spoiled[-1], version=text(data, "version"), kind=text(data, "kind"))
    return jobs, spoiled


def _admitted(job: bytes) -> float:
    """Seconds on the broker's clock; garbage counts as brand new."""
    return number(job, "admitted") / 1000 or float("inf")
