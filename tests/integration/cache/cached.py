"""Front ends that share a cache's server, one that has no cache, and the models that they answer from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.history.hashing import SECRET
from tests.faults.cache.conftest import EVICTING
from tests.faults.kit.broker_process import BrokerProcess, broker_process
from tests.faults.kit.models import LOG, SPEC, recorded
from tests.integration.processes import FrontEnd, Reply
from tests.integration.stack import Stack, stack
from tests.waiting import until

KEY = "a secret of sufficient length"
PATH = "/models/recorder"  # of the model that writes down what it computes
ONLY = {"Cache-Control": "only-if-cached"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """A stack whose front ends have a cache."""

    stack: Stack
    server: BrokerProcess  # where they keep what they share
    log: Path
    plain: FrontEnd  # without a cache

    @property
    def one(self) -> FrontEnd:
        return self.stack.front_ends[0]

    @property
    def other(self) -> FrontEnd:
        return self.stack.front_ends[1]

    def computed(self, text: str) -> int:
        """How often."""
        return sum(batch.count(text) for batch in recorded(self.log))


@contextlib.contextmanager
def cached_stack(directory: Path, *models: str, **settings: object) -> Iterator[Cached]:
    """Two front ends that share a server, one without a cache, and these models beside the one at `PATH`."""
    log = directory / "computed.jsonl"
    with broker_process(*EVICTING) as server:
        shared = {"cache_bytes": 8_000_000, "cache_url": server.url, SECRET: KEY, LOG: log}
        with stack([SPEC, *models], 2, **shared, **settings) as made:
            plain = made.start_front_end(cache_bytes=0, cache_url="")
            made.wait_live(1 + len(models))
            for front_end in made.front_ends[:2]:
                until_met(front_end)
            yield Cached(stack=made, server=server, log=log, plain=plain)


def until_met(front_end: FrontEnd) -> None:
    """It knows the cache's server."""
    until(lambda: "jitney_cache_server_up 1.0" in front_end.metrics(), "it has met the cache's server")


def body(*texts: str, **fields: Any) -> dict[str, Any]:
    return {"payload": {"records": [{"id": at, "text": text} for at, text in enumerate(texts)], **fields}}


def status(reply: Reply) -> str:
    return reply.headers.get("cache-status", "")


def found(front_end: FrontEnd, path: str, asked: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """Its answer from the cache, once that has it; nothing is computed for it."""
    replies: list[Reply] = []

    def is_there() -> bool:
        replies.append(front_end.post(path, asked, {**(headers or {}), **ONLY}))
        return replies[-1].status == 200

    until(is_there, "it is in the cache")
    return replies[-1]
