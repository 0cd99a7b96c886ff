"""One broker a test: the memory twin or a namespace on a real server, made and moved in the same words."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

import pytest
import redis

from broker.admin.redis import connect_admin
from broker.admin.rights import Role
from broker.contract import BatcherBroker, CredentialBroker, FrontEndBroker, HeartbeatBroker
from broker.history.contract import HistoryAppender, HistoryQueue
from broker.keys import Keys
from broker.memory import MemoryBatcher, MemoryFrontEnd, MemoryHeartbeat, MemoryStore
from broker.memory.credentials import MemoryCredentials
from broker.memory.history import MemoryHistory
from broker.messages import (
    RECORD,
    AdmitRequest,
    Announcement,
    Cancel,
    Claim,
    DeadLetter,
    Fleet,
    Job,
    Limits,
    ModelCard,
    Outcome,
    Presence,
    Result,
    Traffic,
)
from broker.predictions.contract import PredictionBroker
from tests.contract.users import url_as

MODEL = "toy@r1"
FRONT_END = "f" * 16
LONG = 60.0  # seconds: a lease that outlives every test
SHORT = 0.05  # seconds: a lease that a test waits for
SILENCE = 0.25  # seconds until a batcher is forgotten; long enough for a slow machine to look in time
LIMITS = Limits()


def job(**fields: Any) -> Job:
    return Job(**({"id": uuid4().hex, "front_end": FRONT_END, "input": [7]} | fields))


def request(*jobs: Job, model: str = MODEL, time_left: float = LONG, **fields: Any) -> AdmitRequest:
    return AdmitRequest(model=model, jobs=jobs, time_left=time_left, **fields)


def cancel(one: Job, digits: int = RECORD, model: str = MODEL) -> Cancel:
    return Cancel(model=model, ids=one.id[:digits])


def results(*jobs: Job) -> list[Result]:
    return [Result(job_id=one.id, output="done") for one in jobs]


def card(model: str = MODEL, **fields: Any) -> ModelCard:
    name, _, revision = model.partition("@")
    return ModelCard(**({"name": name, "task": "translation", "codec": "text", "revision": revision} | fields))


def presence(batcher: str = "b1", model: str = MODEL, **fields: Any) -> Presence:
    return Presence(batcher=batcher, model=model, **fields)


def ids(of: Claim | Sequence[Job | Outcome]) -> list[str]:
    """The job ids of a claim, of jobs or of outcomes."""
    things = of.jobs if isinstance(of, Claim) else of
    return [thing.id if isinstance(thing, Job) else thing.job_id for thing in things]


class World(ABC):
    """What a test can do to a broker besides what the contract offers."""

    def __init__(self) -> None:
        self._sequence = 0

    @abstractmethod
    async def front_end(self, name: str = FRONT_END, **bounds: int) -> FrontEndBroker: ...

    @abstractmethod
    async def batcher(self, model: str = MODEL, *, lease: float = LONG) -> BatcherBroker: ...

    @abstractmethod
    def heart(self, model: str = MODEL, *, lease: float = LONG) -> HeartbeatBroker: ...

    @abstractmethod
    def credentials(self) -> CredentialBroker: ...

    @abstractmethod
    async def history_queue(self) -> HistoryQueue: ...

    @abstractmethod
    async def pass_time(self, seconds: float) -> None: ...

    @abstractmethod
    def forget_after(self, silence: float) -> None:
        """How long a batcher may be silent, for faces made from now on."""

    @abstractmethod
    def set_limits(self, name: str, limits: Limits) -> None:
        """What an operator does."""

    @abstractmethod
    def share_out(self, name: str, traffic: Traffic | None) -> None:
        """What an operator does; None takes the shares away."""

    @abstractmethod
    def lose_everything(self) -> None:
        """The broker comes back empty."""

    async def close(self) -> None:
        """Close whatever was opened."""
        return

    async def predictions(self, name: str = FRONT_END, *, lease: float = LONG) -> PredictionBroker:
        """As this front end sees them."""
        found = (await self.front_end(name)).predictions
        found.lease = lease  # type: ignore[attr-defined]  # both twins have it
        return found

    async def history(self, name: str = FRONT_END) -> HistoryAppender:
        """As this front end sees it."""
        return (await self.front_end(name)).history

    async def admit(self, *jobs: Job, **how: Any) -> None:
        """One admission by the default front end that must succeed."""
        self._sequence += 1
        front_end = await self.front_end()
        [verdict] = await front_end.admit(self._sequence, [request(*jobs, **how)], {})
        assert verdict.refusal is None

    async def cancel(self, *jobs: Job) -> None:
        await self.cancel_all(*map(cancel, jobs))

    async def cancel_all(self, *said: Cancel) -> None:
        self._sequence += 1
        await (await self.front_end()).admit(self._sequence, [], said)

    async def outcomes(self, name: str = FRONT_END) -> list[Outcome]:
        """What waits for a front end, read without handling it."""
        front_end = await self.front_end(name)
        frames = await front_end.receive(0, 0.0)
        while frames.more:  # it takes more the next time
            frames = await front_end.receive(0, 0.0)
        return list(frames.outcomes)

    async def look(self) -> Fleet:
        """What the default front end sees."""
        return await (await self.front_end()).look()

    async def announced(self) -> dict[str, Announcement]:
        """By ⟨m⟩."""
        return {one.card.key: one for one in (await self.look()).announcements}

    async def crash(self, batch: str, limits: Limits = LIMITS, *, suspects: bool = True) -> list[DeadLetter]:
        """A batcher claims, starts and is never heard of again; returns what was set aside."""
        batcher = await self.batcher(lease=SHORT)
        await batcher.drain(batch, limits, staged=False, suspects=suspects)
        await self.pass_time(2 * SHORT)
        return list(await batcher.reclaim())


class MemoryWorld(World):
    """The twin; `clock` moves only here."""

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self._clock = clock
        self._store = MemoryStore(clock)

    async def front_end(self, name: str = FRONT_END, **bounds: int) -> FrontEndBroker:
        return MemoryFrontEnd(self._store, name, **bounds)

    async def batcher(self, model: str = MODEL, *, lease: float = LONG) -> BatcherBroker:
        return MemoryBatcher(self._store, model, lease=lease)

    def heart(self, model: str = MODEL, *, lease: float = LONG) -> HeartbeatBroker:
        return MemoryHeartbeat(self._store, model, lease=lease)

    def credentials(self) -> CredentialBroker:
        return MemoryCredentials(self._store)

    async def history_queue(self) -> HistoryQueue:
        return MemoryHistory(self._store)

    async def pass_time(self, seconds: float) -> None:
        self._clock.tick(seconds)

    def forget_after(self, silence: float) -> None:
        self._store.presence_ttl = self._store.pruned_after = silence

    def set_limits(self, name: str, limits: Limits) -> None:
        self._store.limits[name] = limits

    def share_out(self, name: str, traffic: Traffic | None) -> None:
        self._store.traffic.pop(name, None)
        self._store.traffic |= {name: traffic} if traffic else {}

    def lose_everything(self) -> None:
        self._store.lose_everything()


class RedisWorld(World):
    """A namespace of its own on a server that the tests share."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch, *, has_users: bool = False) -> None:
        super().__init__()
        self.url = url  # of one who may do everything
        self._has_users = has_users  # the server has those of docs/acl: then each side is its own
        self.namespace = uuid4().hex
        self.keys = Keys(self.namespace)
        self.server = redis.Redis.from_url(url, socket_timeout=5.0)
        self._monkeypatch = monkeypatch
        self._presence_ttl = 5.0
        self._faces: dict[Any, Any] = {}
        self._hearts: list[Any] = []

    async def front_end(self, name: str = FRONT_END, **bounds: int) -> FrontEndBroker:
        from broker.redis import connect_front_end

        face = (name, self._presence_ttl, *bounds.items())
        if face not in self._faces:
            self._faces[face] = await connect_front_end(
                self._url_as(Role.FRONT_END), self.namespace, name, presence_ttl=self._presence_ttl, **bounds
            )
        return self._faces[face]

    async def batcher(self, model: str = MODEL, *, lease: float = LONG) -> BatcherBroker:
        from broker.redis import connect_batcher

        batcher = await connect_batcher(self._url_as(Role.BATCHER), self.namespace, model, lease=lease)
        self._faces[id(batcher)] = batcher
        return batcher

    def heart(self, model: str = MODEL, *, lease: float = LONG) -> HeartbeatBroker:
        from broker.redis import connect_heartbeat

        self._hearts.append(connect_heartbeat(self._url_as(Role.BATCHER), self.namespace, model, lease=lease))
        return self._hearts[-1]

    def credentials(self) -> CredentialBroker:
        self._hearts.append(connect_admin(self._url_as(Role.OPERATOR), self.namespace))
        return self._hearts[-1]

    async def history_queue(self) -> HistoryQueue:
        from broker.redis import connect_history

        queue = await connect_history(self._url_as(Role.WRITER), self.namespace, "w1")
        self._faces[id(queue)] = queue
        return queue

    def _url_as(self, role: Role) -> str:
        return url_as(role, self.url) if self._has_users else self.url

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def forget_after(self, silence: float) -> None:
        self._presence_ttl = silence
        self._monkeypatch.setattr("broker.redis.batcher.PRUNED_AFTER", silence)

    def set_limits(self, name: str, limits: Limits) -> None:
        self.server.hset(self.keys.limits(name), mapping=asdict(limits))

    def share_out(self, name: str, traffic: Traffic | None) -> None:
        with contextlib.closing(connect_admin(self._url_as(Role.OPERATOR), self.namespace)) as admin:
            admin.share_out(name, traffic)

    def lose_everything(self) -> None:
        if names := self.names():
            self.server.delete(*names)

    def names(self) -> list[str]:
        """Every key of this namespace."""
        return sorted(name.decode() for name in self.server.scan_iter(match=self.keys.root + "*", count=1000))

    async def close(self) -> None:
        for face in self._faces.values():
            await face.aclose()
        for heart in self._hearts:
            heart.close()
        self.lose_everything()
        self.server.close()
