"""The broker as one front end sees it, on Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import CHUNK, PRESENCE_TTL, Frames, StoredCredentials
from broker.credentials.credential import VERSION
from broker.credentials.stored import stored_credentials
from broker.errors import BrokerFull, WireError
from broker.keys import Keys
from broker.messages import (
    AdmitRequest,
    Cancel,
    FailureCode,
    Fleet,
    Outcome,
    Over,
    Traffic,
    Verdict,
)
from broker.redis import scripts
from broker.redis.admission import Carried, admission, cancellation, carried_at_once, told_apart, verdicts_in
from broker.redis.bodies import StoredBodies
from broker.redis.client import Client, mapping_of
from broker.redis.connection import check, make_client, translated
from broker.redis.registry import RedisRegistry
from broker.redis.stores.history import RedisHistory
from broker.redis.stores.predictions import RedisPredictions
from broker.trips import FRAME_BYTES, TRIP_BYTES
from broker.wire import decode_frame

FRAMES_AT_ONCE = (4, 256)  # that a read takes: as many as found small last time, for their size is not known before
SOCKET_TIMEOUT = 2.0  # seconds: well above the longest blocking read, and a dead connection is noticed within three
NO_LIST = "it is no list, or one of :1 to :7 behind it is none: delete that key"
log = structlog.get_logger("broker")


async def connect_front_end(
    url: str,
    namespace: str,
    front_end: str,
    *,
    max_queue_jobs: int = 10_000,
    max_queue_tokens: int = 10_000_000,
    max_queue_bytes: int = 1 << 28,
    presence_ttl: float = PRESENCE_TTL,
) -> RedisFrontEnd:
    """One connection for one of a front end's tasks. It connects on first use; `check` raises what it finds."""
    client = make_client(url, name=f"jitney-front-end-{front_end}", socket_timeout=SOCKET_TIMEOUT)
    bounds = (max_queue_jobs, max_queue_tokens, max_queue_bytes)
    return RedisFrontEnd(client, Keys(namespace), front_end, bounds, presence_ttl)


class RedisFrontEnd:
    """Keeps `FrontEndBroker`. One task at a time uses it: a blocked `receive` holds its connection."""

    def __init__(
        self,
        client: Client,
        keys: Keys,
        front_end: str,
        bounds: tuple[int, int, int],
        presence_ttl: float,
    ) -> None:
        self._client, self._keys, self._front_end = client, keys, front_end
        self._reply, self._bell = keys.reply(front_end), keys.bell(front_end)
        self._bounds = bounds  # of a lane: the most jobs, tokens, bytes
        self._bodies = StoredBodies(client, keys)
        self.predictions = RedisPredictions(client, keys)
        self.history = RedisHistory(client, keys)
        self._registry = RedisRegistry(client, keys, presence_ttl)
        self._frames_at_once = FRAMES_AT_ONCE[0]
        self._no_queue, self._no_frame, self._no_row = (ThrottledLog(log.error) for _ in range(3))

    async def check(self) -> None:
        """Raise `BrokerUnfit` for a server that would lose jobs."""
        await check(self._client, self._keys.epoch)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def admit(
        self, sequence: int, requests: Sequence[AdmitRequest], cancelled: Collection[Over]
    ) -> list[Verdict]:
        cancels, ended = told_apart(cancelled) if cancelled else ((), ())
        marks = cancellation(self._keys, cancels)
        before: list[Sequence[Any]] = [("ZREM", self._keys.running(one.caller), one.ids) for one in ended]
        if not requests:
            await self._take_back(before, marks, cancels)
            return []
        before += [scripts.CANCEL.in_full(*marks)] if marks else []
        carried = carried_at_once(requests)
        large = [one for one in carried if one.bodies]
        answer = await (self._admit_large if large else self._admit)(sequence, carried, before)
        verdicts = verdicts_in(answer)
        for one, verdict in zip(carried, verdicts, strict=True):
            if verdict.refusal is FailureCode.BROKER_UNAVAILABLE:
                key = self._keys.queue(one.request.model, one.request.lane)
                self._no_queue("queue unreadable", key=key, remedy=NO_LIST)
        if large:
            pairs = zip(carried, verdicts, strict=True)
            await self._bodies.take_back(one for one, verdict in pairs if verdict.refusal is not None)
        if cancels:
            await self._bodies.cancel(cancels)
        return verdicts

    async def _take_back(self, before: Sequence[Sequence[Any]], marks: Any, cancels: Collection[Cancel]) -> None:
        """A trip that admits nothing."""
        if marks:
            await scripts.CANCEL.run_after(self._client, before, *marks)
            await self._bodies.cancel(cancels)
        elif before:
            with translated():
                scripts.raise_harmful(await self._client.trip(*before))

    async def _admit(self, sequence: int, carried: Sequence[Carried], before: Sequence[Sequence[Any]]) -> bytes:
        keys, args = admission(self._keys, self._front_end, (sequence, *self._bounds), carried)
        answer: bytes = await scripts.ADMIT.run_after(self._client, before, keys, args)
        return answer

    async def _admit_large(self, sequence: int, carried: Sequence[Carried], before: Sequence[Sequence[Any]]) -> bytes:
        """Bodies go first, so that no job waits without its own."""
        if await self._bodies.were_taken(sequence, self._keys.admit(self._front_end)):
            return await self._admit(sequence, carried, before)
        try:
            return await self._admit(sequence, carried, [*before, *self._bodies.store(carried)])
        except BrokerFull:
            await self._bodies.take_back(carried)
            raise

    async def receive(self, handled: int, wait: float) -> Frames:
        commands: list[Sequence[Any]] = [("LTRIM", self._reply, handled, -1)] if handled else []
        if wait > 0.0:
            commands.append(("BLPOP", self._bell, wait))
        commands.append(("LRANGE", self._reply, 0, self._frames_at_once - 1))
        with translated():
            frames: list[bytes] = (await self._client.ask(*commands))[-1]
        more = len(frames) == self._frames_at_once
        self._frames_at_once = _frames_next(frames)
        return Frames(count=len(frames), outcomes=await self._outcomes(frames), more=more)

    async def _outcomes(self, frames: Sequence[bytes]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for frame in frames:
            if len(frame) > FRAME_BYTES // 4:
                await asyncio.sleep(0)  # reading it takes milliseconds, and others have theirs to do
            try:
                outcomes += decode_frame(frame, on_loss=self._lost)
            except WireError:
                self._no_frame("frame dropped", reason="not a frame of ours", size=len(frame))
        return outcomes

    def _lost(self, job_id: str) -> None:
        self._no_row("outcome unreadable", job=job_id or "unknown")

    async def look(self) -> Fleet:
        return await self._registry.look()

    async def settle_default(self, task: str, name: str, *, again: bool = False) -> None:
        await self._registry.settle_default(task, name, again=again)

    async def restore_traffic(self, name: str, traffic: Traffic) -> None:
        await self._registry.restore_traffic(name, traffic)

    async def credentials(self, version: str) -> StoredCredentials | None:
        key = self._keys.credentials
        with translated(key):
            [known] = await self._client.ask(("HGET", key, VERSION))
            if (known or b"").decode("utf-8", "replace") == version:
                return None
            [found] = await self._client.ask(("HGETALL", key))
        return stored_credentials(mapping_of(found))

    async def artifact(self, sha256: str, at: int = 0) -> bytes | None:
        key = self._keys.artifact(sha256)
        with translated(key):
            is_there, chunk = await self._client.ask(("EXISTS", key), ("GETRANGE", key, at, at + CHUNK - 1))
        return bytes(chunk) if is_there else None


def _frames_next(frames: Sequence[bytes]) -> int:
    """How many frames the next read takes: if they are as large as the largest of these they fit in a trip."""
    least, most = FRAMES_AT_ONCE
    fitting = TRIP_BYTES // max(1, *map(len, frames), TRIP_BYTES // most)
    return max(least, min(fitting, 2 * len(frames)))
