"""The stage of the state machine: a real server with two front ends and two batchers, and the model beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import redis
from hypothesis.stateful import RuleBasedStateMachine, invariant

from broker.keys import Keys
from broker.messages import AdmitRequest, ModelCard, Verdict
from broker.redis import (
    RedisBatcher,
    RedisFrontEnd,
    RedisHeartbeat,
    connect_batcher,
    connect_front_end,
    connect_heartbeat,
)
from tests.faults.state_machine.census import MODEL, Census, take
from tests.faults.state_machine.model import BrokerModel

MAX_JOBS, MAX_TOKENS, MAX_BYTES = 12, 60, 100_000  # of a lane
LONG = 60.0  # seconds: a lease that only the machine ends


@dataclass(slots=True, kw_only=True)
class Life:
    """One life of a front end."""

    id: str
    broker: RedisFrontEnd
    sequence: int = 0
    asked: list[AdmitRequest] = field(default_factory=list)  # in the last admission
    told: list[Verdict] = field(default_factory=list)
    pending: set[str] = field(default_factory=set)  # jobs whose outcome it waits for
    accepted: dict[str, str] = field(default_factory=dict)
    read: int = 0  # frames of the last reading, handled but not yet named so


@dataclass(slots=True, kw_only=True)
class Hand:
    """One batcher. `echo` is a second connection of its own, for what is sent twice."""

    id: str
    broker: RedisBatcher
    echo: RedisBatcher
    claims: dict[str, list[str]] = field(default_factory=dict)  # batch → jobs that it can answer


class Stage(RuleBasedStateMachine):
    """Sets the stage, and looks after every step whether the server holds what the model says."""

    numbers = count()

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        super().__init__()
        self.url, self.runner = url, runner
        self.namespace = f"machine-{next(self.numbers)}"
        self.keys, self.server = Keys(self.namespace), redis.Redis.from_url(url, socket_timeout=LONG)
        self.model, self.cancelled = BrokerModel(), set[str]()
        self.count = 0  # of ids, and of moments at which leases expired
        self.is_sound = True
        self.opened: list[RedisFrontEnd | RedisBatcher] = []
        self.lives = [self._life() for _ in range(2)]
        self.hands = [self._hand(id) for id in "AB"]
        self.heart: RedisHeartbeat = connect_heartbeat(url, self.namespace, MODEL, lease=LONG)
        card = ModelCard(name="toy", task="translation", codec="text", revision="r1")
        self.heart.announce(card, {"a" * 64: b"file"})

    def _life(self) -> Life:
        id = f"{self._next():016x}"
        bounds = {"max_queue_jobs": MAX_JOBS, "max_queue_tokens": MAX_TOKENS, "max_queue_bytes": MAX_BYTES}
        broker = self._run(connect_front_end(self.url, self.namespace, id, **bounds))
        self.opened.append(broker)
        return Life(id=id, broker=broker)

    def _hand(self, id: str) -> Hand:
        broker, echo = (self._run(connect_batcher(self.url, self.namespace, MODEL, lease=LONG)) for _ in range(2))
        self.opened += [broker, echo]
        return Hand(id=id, broker=broker, echo=echo)

    @invariant()
    def everything_is_where_it_should_be(self) -> None:
        census = self._census()
        holds, should = census.snapshot(), self.model.snapshot()
        assert holds == should, {name: (holds[name], should[name]) for name in holds if holds[name] != should[name]}
        held = census.held()
        assert len(held) == len(set(held)), "a job is in two places"
        assert self.model.lost() == set()
        self.model.without_body(held, census.bodies)
        assert all(job.attempts < 3 for jobs in [*census.lists.values(), census.suspects] for job in jobs)
        assert census.miscounted() == {}
        assert census.without_turn() == []
        assert census.wake_tokens <= 1
        assert census.wake_tokens or self.model.token_taken or not self.model.waiting(), "jobs wait, nobody is woken"
        assert (census.endless_keys(), census.hasty_keys()) == ([], [])
        self.is_sound = True

    # What the rules need

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        self.is_sound = False
        return self.runner.run(work)

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _census(self) -> Census:
        return take(self.server, self.keys)
