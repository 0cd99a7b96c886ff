"""A system whose two sides reach the broker each through a proxy of its own, and the server program it prefers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from broker.embedded import Binary, binaries
from broker.keys import Keys
from tests.faults.kit import models
from tests.faults.kit.broker_process import NO_VARIABLES, BrokerProcess, broker_process
from tests.faults.kit.proxy import Proxy, proxy_to
from tests.integration.stack import NAMESPACE, Stack, stack

KEYS = Keys(NAMESPACE)
JOB_ID = 32  # characters
RECORDER = "tests.faults.kit.models:Recorder,name=synthetic"  # it keeps a log, at the path where the oracle looks
PROGRAMS = tuple(binaries(NO_VARIABLES))
VALKEY = next((one for one in PROGRAMS if one.family == "valkey"), PROGRAMS[0] if PROGRAMS else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxiedStack:
    """One front end and one batcher."""

    broker: BrokerProcess
    front: Proxy  # the front end's way to the broker
    back: Proxy  # the batcher's
    stack: Stack
    log: Path  # what reached the model

    def side(self, name: str) -> Proxy:
        return self.front if name == "front end" else self.back

    def computed(self) -> list[str]:
        """Every text that reached the model, as often as it did."""
        return [text for batch in models.recorded(self.log) for text in batch]


def held(client: redis.Redis) -> list[bytes]:
    """Every job that waits or is claimed, as the broker holds it."""
    waiting: list[Any] = [client.lrange(key, 0, -1) for key in client.scan_iter(f"{KEYS.prefix}q:*")]
    leased: list[Any] = [client.hgetall(key) for key in client.scan_iter(f"{KEYS.prefix}lease:*")]
    claimed = [[job for id, job in lease.items() if len(id) == JOB_ID] for lease in leased]
    return [job for jobs in (*waiting, *claimed) for job in jobs]


@contextlib.contextmanager
def proxied_stack(
    directory: Path, *options: str, binary: Binary | None = VALKEY, **settings: object
) -> Iterator[ProxiedStack]:
    """Ready on entry. `options` are the broker's, `settings` as those of `stack`."""
    log = directory / "computed"
    named = {models.LOG: str(log), models.PAUSE: "0.01"} | settings
    with (
        broker_process(*options, binary=binary) as broker,
        proxy_to(broker.url) as front,
        proxy_to(broker.url) as back,
        stack(models=[], front_ends=0, broker=broker.server, **named) as made,
    ):
        made.start_batcher(RECORDER, wait=False, JITNEY_REDIS_URL=back.url)
        made.start_front_end(JITNEY_REDIS_URL=front.url)
        made.wait_live()
        yield ProxiedStack(broker=broker, front=front, back=back, stack=made, log=log)
