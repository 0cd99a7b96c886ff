"""Predictions on Redis. Bodies and results are strings that plain commands write and read: no script copies one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from redis._parsers.helpers import parse_info

from broker.errors import BrokerFull
from broker.keys import Keys
from broker.predictions.contract import (
    HOOK_LEASE,
    LEASE,
    OVERHEAD,
    SETTLED,
    TRIES_KEPT,
    TRIES_SHOWN,
    TRIMMED,
    Beat,
    Created,
    Creation,
    Ending,
    Hook,
    HookTry,
    Order,
    Prediction,
    State,
)
from broker.redis import scripts
from broker.redis.client import Client, seconds_of
from broker.redis.connection import confirmation, translated

FIELDS = ("state", "owner", "request", "bytes", "records", "done", "failed")
TIMES = ("created", "started", "finished", "deadline", "expires")
AT_ONCE = 500  # leases by one script, predictions by one read: ten thousand would hold up the broker, or this process
PERSISTED = 3.0  # seconds that a disk may take
TRIES = 3  # to be told so by a server whose disk is slow
LOOK = 0.05  # seconds between two looks whether the disk is done
DISK = ("INFO", "persistence")
MARGIN = 60.0  # seconds that a body or a result outlives a script that nobody could run


class RedisPredictions:
    """Keeps `PredictionBroker`, on the connection of one task."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client, self._keys = client, keys
        self.lease, self.hook_lease = LEASE, HOOK_LEASE
        self._delayed = 0  # times that the server has put off bringing writes to disk, when it was last asked

    async def create(self, order: Order, most_bytes: int) -> Created:
        keys = self._keys
        body, life = keys.prediction_body(order.id), order.time_left + order.keep
        named = [*self._counted(), keys.prediction(order.id), body]
        named += [keys.idempotency(order.key)] if order.key else []
        args = [order.id, order.owner, order.request, order.records, _ms(order.time_left), _ms(order.keep)]
        args += [
            order.fingerprint or "-",
            _ms(self.lease),
            most_bytes,
            OVERHEAD,
            TRIMMED,
            int(order.runs),
            int(order.has_hook),
        ]
        before = [["SET", body, order.body, "PX", _ms(life + MARGIN)]]
        outcome, id, wait = await scripts.PREDICTION_CREATE.run_after(self._client, before, named, args)
        return Created(outcome=Creation(outcome.decode()), id=id.decode(), wait=wait / 1000)

    async def read(self, ids: Collection[str]) -> dict[str, Prediction]:
        found: dict[str, Prediction] = {}
        for some in _portions(ids):
            found |= await self._read(some)
        return found

    async def begin(self, id: str, owner: str) -> bytes | None:
        if not await scripts.PREDICTION_BEGIN.run(self._client, [self._keys.prediction(id)], [owner]):
            return None
        return await self._get(self._keys.prediction_body(id))

    async def add_rows(self, id: str, owner: str, first: int, rows: Sequence[bytes], failed: int) -> int | None:
        keys = self._keys
        named = [keys.predictions_room, keys.predictions_bytes, keys.prediction(id), keys.prediction_rows(id)]
        kept = await scripts.PREDICTION_ROWS.run(self._client, named, [id, owner, first, failed, *rows])
        return None if kept < 0 else int(kept)

    async def rows(self, id: str, first: int, most: int) -> Sequence[bytes]:
        if most <= 0:
            return []
        key = self._keys.prediction_rows(id)
        with translated(key):
            found: Any = await self._client.lrange(key, first, first + most - 1)
        return list(found)

    async def finish(self, ending: Ending) -> bool:
        keys, result = self._keys, self._keys.prediction_result(ending.id, ending.owner)
        named = [*self._counted(), keys.prediction(ending.id), keys.prediction_body(ending.id), result]
        named += [keys.predictions_hooks, keys.prediction_rows(ending.id)]
        args = [ending.id, ending.owner, ending.state, ending.done, ending.failed, _ms(ending.keep), OVERHEAD]
        before = [["SET", result, ending.result, "PX", _ms(ending.keep + MARGIN)]]
        counts = await scripts.PREDICTION_FINISH.run_after(self._client, before, named, args)
        if counts < 0:
            raise BrokerFull
        return bool(counts)

    async def result(self, id: str, owner: str) -> bytes | None:
        return await self._get(self._keys.prediction_result(id, owner))

    async def remove(self, id: str) -> State | None:
        named = [*self._counted(), self._keys.prediction(id), self._keys.prediction_body(id)]
        named += [self._keys.predictions_hooks, self._keys.prediction_rows(id)]
        before = await scripts.PREDICTION_REMOVE.run(self._client, named, [id, OVERHEAD])
        return None if before is None else State(before.decode())

    async def beat(self, owner: str, ids: Collection[str], most: int) -> Beat:
        lost = [id for some in _portions(ids) for id in (await self._beat(owner, some))[2]]
        is_open, _, _, adopted = await self._beat(owner, [], most)
        return Beat(lost=[id.decode() for id in lost], adopted=[id.decode() for id in adopted], open=is_open)

    async def release(self, owner: str, ids: Collection[str]) -> None:
        for some in _portions(ids):
            await self._beat(owner, some, releases=True)

    async def take_hooks(self, most: int) -> list[Hook]:
        found = await self._hooks([most, _ms(self.hook_lease)])
        return [Hook(id=id.decode(), tries=tries) for id, tries in zip(found[::2], found[1::2], strict=True)]

    async def settle_hook(self, id: str, wait: float | None, tried: HookTry) -> None:
        said = f"{tried.fate} {tried.status} {tried.tries} {tried.prediction} {tried.host}"
        await self._hooks([0, 0, id, -1 if wait is None else _ms(wait), said, TRIES_SHOWN, _ms(TRIES_KEPT)])

    async def persisted(self) -> bool:
        # Many versions (Redis before 7.4.3, Valkey 9.1: redis#13793) say yes too soon: within the second in which
        # `everysec` has brought older writes to disk, and while it does so. After that second our mark, as the next
        # write, sees to it that all of them are on their way; INFO says when that has ended. A disk that takes more
        # than two seconds puts it off by a second, which the server counts: then all is asked once more.
        for _ in range(TRIES):
            is_kept, info = await self._marked()
            before, self._delayed = self._delayed, int(info.get("aof_delayed_fsync", 0))
            if not is_kept or not await self._is_written(info):
                return False
            if self._delayed == before:
                return True
            await asyncio.sleep(SETTLED)
        return False

    async def epoch(self) -> str:
        return (await self._get(self._keys.epoch) or b"").decode("ascii", "replace")

    async def _marked(self) -> tuple[bool, dict[str, Any]]:
        """WAITAOF speaks of what its own connection has written: a mark, and with it whatever was written earlier. It
        waits in short steps, for a long one would pass for a connection that is dead. And what INFO says then."""
        mark, step = self._keys.predictions_mark, ["WAITAOF", 1, 0, _ms(PERSISTED / 3)]
        with confirmation():
            asked = [["SET", mark, "", "PX", 1_000], step, step, step, DISK]
            _, *said, info = await self._client.ask(*asked)
        return any(local for local, _ in said), parse_info(info)

    async def _is_written(self, info: dict[str, Any]) -> bool:
        """Whether what is on its way to the disk gets there in time."""
        for _ in range(int(PERSISTED / LOOK)):
            if not int(info.get("aof_pending_bio_fsync", 0)):
                return True
            await asyncio.sleep(LOOK)
            with translated():
                info = await self._client.execute_command(*DISK)
        return False

    async def _read(self, ids: Sequence[str]) -> dict[str, Prediction]:
        with translated():
            rows_of = [("HMGET", self._keys.prediction(id), *FIELDS, *TIMES) for id in ids]
            time, *rows = await self._client.ask(("TIME",), *rows_of)
        now = seconds_of(time)
        return {id: _prediction(id, row, now) for id, row in zip(ids, rows, strict=True) if row[0] is not None}

    async def _beat(self, owner: str, ids: Sequence[str], most: int = 0, *, releases: bool = False) -> Any:
        args = [owner, _ms(self.lease), most, int(releases), 0 if ids else TRIMMED, *ids]
        named = [self._keys.predictions_due, self._keys.prediction("")]
        named += [self._keys.predictions_room, self._keys.predictions_bytes]
        return await scripts.PREDICTION_BEAT.run(self._client, named, args)

    async def _hooks(self, args: list[Any]) -> Any:
        keys = self._keys
        named = [keys.predictions_hooks, keys.prediction(""), keys.webhook_tries, keys.webhook_fates]
        return await scripts.PREDICTION_HOOKS.run(self._client, named, args)

    async def _get(self, key: str) -> bytes | None:
        with translated(key):
            found: Any = await self._client.get(key)
        return None if found is None else bytes(found)

    def _counted(self) -> list[str]:
        return [self._keys.predictions_due, self._keys.predictions_room, self._keys.predictions_bytes]


def _portions(ids: Collection[str]) -> Iterator[Sequence[str]]:
    held = list(ids)
    return (held[at : at + AT_ONCE] for at in range(0, len(held), AT_ONCE))


def _ms(seconds: float) -> int:
    return max(1, int(1000 * seconds))


def _prediction(id: str, row: list[bytes | None], now: float) -> Prediction:
    state, owner, request, size, records, done, failed, *times = row
    created, started, finished, deadline, expires = [None if one is None else int(one) / 1000 for one in times]
    return Prediction(
        id=id,
        state=State((state or b"").decode()),
        owner=(owner or b"").decode(),
        request=request or b"",
        size=int(size or 0),
        records=int(records or 0),
        done=int(done or 0),
        failed=int(failed or 0),
        created=created or 0.0,
        started=started,
        finished=finished,
        deadline=deadline or 0.0,
        expires=expires or 0.0,
        now=now,
    )
