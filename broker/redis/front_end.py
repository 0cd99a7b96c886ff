"""The broker as one front end sees it, on Redis."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from redis.exceptions import NoPermissionError, OutOfMemoryError, ResponseError

from broker.common.throttled_log import ThrottledLog
from broker.contract import CHUNK, PRESENCE_TTL, Frames, StoredCredentials
from broker.credentials.credential import VERSION
from broker.credentials.stored import stored_credentials
from broker.errors import BrokerFull, WireError
from broker.header import STAMP
from broker.keys import Keys
from broker.messages import (
    AdmitRequest,
    Announcement,
    Cancel,
    FailureCode,
    Fleet,
    Outcome,
    Over,
    Presence,
    Traffic,
    Verdict,
)
from broker.redis import scripts
from broker.redis.admission import Carried, admission, cancellation, carried_at_once, told_apart, verdicts_in
from broker.redis.bodies import StoredBodies
from broker.redis.client import Client, mapping_of, raise_first, seconds_of
from broker.redis.connection import check, make_client, translated
from broker.redis.stores.history import RedisHistory
from broker.redis.stores.predictions import RedisPredictions
from broker.registry import decode_card, decode_presence, decode_traffic, encode_traffic
from broker.settings import NAME
from broker.trips import FRAME_BYTES, TRIP_BYTES
from broker.wire import decode_frame

FRAMES_AT_ONCE = (4, 256)  # that a read takes: as many as found small last time, for their size is not known before
SOCKET_TIMEOUT = 2.0  # seconds: well above the longest blocking read, and a dead connection is noticed within three
HASH_REMEDY = "it must be a hash that front ends may read and write: docs/acl; delete what is none"
NO_LIST = "it is no list, or one of :1 to :7 behind it is none: delete that key"
log = structlog.get_logger("broker")
Entry = TypeVar("Entry")


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
        self._presence_ttl = presence_ttl
        self._frames_at_once = FRAMES_AT_ONCE[0]
        self._no_queue, self._no_frame, self._no_row = (ThrottledLog(log.error) for _ in range(3))
        self._no_entry = ThrottledLog(log.warning)

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
        with translated():
            # A trip of its own, for it is the only one that writes: a replica is known by it, and a server whose memory
            # is spent refuses it and can be looked at all the same.
            with suppress(OutOfMemoryError):
                await self._client.set(self._keys.epoch, secrets.token_hex(8), nx=True)
            epoch, time, *hashes = await self._registry()
        cards, batchers, defaults, traffic = map(mapping_of, hashes)
        live = self._live(batchers, seconds_of(time) - self._presence_ttl)
        announcements = [
            Announcement(card=card, announced=stamp, batchers=live.get(card.key, ()))
            for stamp, card in self._readable(self._keys.cards, cards, decode_card)
        ]
        names = frozenset(one.card.name for one in announcements)
        return Fleet(
            epoch=(epoch or b"").decode("ascii", "replace"),
            announcements=announcements,
            known_names=names,
            defaults=self._defaults(defaults),
            traffic=self._traffic(traffic),
        )

    async def _registry(self) -> list[Any]:
        """Epoch, time, cards, batchers, and defaults and shares or why they cannot be read."""
        keys = self._keys
        looked = [("GET", keys.epoch), ("TIME",), ("HGETALL", keys.cards), ("HGETALL", keys.batchers)]
        wanted = ("HGETALL", keys.defaults), ("HGETALL", keys.traffic)
        *needed, defaults, traffic = await self._client.trip(*looked, *wanted)
        raise_first(looked, needed)
        return [*needed, defaults, traffic]

    def _defaults(self, answer: Any) -> dict[str, str]:
        """What cannot be read, or not by this user, costs the defaults alone: models are still found by name."""
        if isinstance(answer, Exception):
            self._no_entry("defaults unreadable", key=self._keys.defaults, reason=str(answer), remedy=HASH_REMEDY)
            return {}
        texts = {task.decode("utf-8", "replace"): name.decode("utf-8", "replace") for task, name in answer.items()}
        return {task: name for task, name in texts.items() if re.fullmatch(NAME, name)}

    def _traffic(self, answer: Any) -> dict[str, Traffic]:
        """The same of shares: without them requests go by the room of batchers."""
        key = self._keys.traffic
        if isinstance(answer, Exception):
            self._no_entry("shares unreadable", key=key, reason=str(answer), remedy=HASH_REMEDY)
            return {}
        found = {}
        for name, entry in answer.items():
            model = name[:80].decode("utf-8", "replace")
            try:
                found[model] = decode_traffic(entry)
            except WireError as error:
                remedy = "jitney traffic MODEL REVISION=SHARE sets them anew, --clear removes them"
                self._no_entry("shares ignored", key=key, entry=ascii(model), reason=str(error), remedy=remedy)
        return found

    async def settle_default(self, task: str, name: str, *, again: bool = False) -> None:
        await self._keep("HSET" if again else "HSETNX", self._keys.defaults, task, name)

    async def restore_traffic(self, name: str, traffic: Traffic) -> None:
        await self._keep("HSETNX", self._keys.traffic, name, encode_traffic(traffic))

    async def _keep(self, command: str, key: str, field: str, value: str | bytes) -> None:
        with suppress(BrokerFull), translated():
            try:
                await self._client.execute_command(command, key, field, value)
            except ResponseError as error:
                if not isinstance(error, NoPermissionError) and "WRONGTYPE" not in str(error):
                    raise
                self._no_entry("entry not kept", key=key, reason=str(error), remedy=HASH_REMEDY)

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

    def _live(self, batchers: Mapping[bytes, bytes], since: float) -> dict[str, list[Presence]]:
        live: dict[str, list[Presence]] = {}
        entries = self._readable(self._keys.batchers, batchers, lambda one: decode_presence(one.partition(b"\n")[2]))
        for beat, presence in entries:
            if since <= beat <= since + 2 * self._presence_ttl:  # nobody beats in the future
                live.setdefault(presence.model, []).append(presence)
        return live

    def _readable(
        self, key: str, entries: Mapping[bytes, bytes], decode: Callable[[bytes], Entry]
    ) -> Iterator[tuple[float, Entry]]:
        """Stamped entries of the registry, in seconds; one that cannot be read hides no other."""
        for name, entry in entries.items():
            try:
                yield int(entry[:STAMP]) / 1000, decode(entry[STAMP:])
            except (ValueError, WireError):
                field = ascii(name[:80].decode("utf-8", "replace"))
                remedy = f"restart its batcher; an entry of nobody's goes by itself, or by HDEL '{key}'"
                self._no_entry("registry entry ignored", key=key, entry=field, size=len(entry), remedy=remedy)


def _frames_next(frames: Sequence[bytes]) -> int:
    """How many frames the next read takes: if they are as large as the largest of these they fit in a trip."""
    least, most = FRAMES_AT_ONCE
    fitting = TRIP_BYTES // max(1, *map(len, frames), TRIP_BYTES // most)
    return max(least, min(fitting, 2 * len(frames)))
