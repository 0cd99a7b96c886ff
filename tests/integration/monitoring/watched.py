"""A system with all that is off by default, under load, and a Prometheus that scrapes each of its processes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from broker.admin.rights import Role
from broker.history.hashing import SECRET
from tests.contract.users import url_as
from tests.faults.cache.conftest import EVICTING
from tests.faults.kit.broker_process import broker_process
from tests.faults.kit.command import jitney
from tests.faults.kit.keys import add, bearer
from tests.integration.processes import Process
from tests.integration.stack import Stack, stack
from tests.prometheus_server import Prometheus, prometheus

SPEC = "synthetic:5ms+1ms,faults=on"
PATH = "/models/synthetic"
RULES = Path(__file__).parents[3] / "monitoring" / "alerts.yaml"
ALLOWED = 3  # requests a minute of anonymous callers
LOAD = 10.0  # seconds
RATE = "8s"  # for the interval of a rate
STREAMED = {"Accept": "application/x-ndjson"}
LATER = {"Prefer": "respond-async"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What runs."""

    system: Stack
    writer: Process
    prometheus: Prometheus
    headers: Mapping[str, str]  # of a caller without limits

    def send(self, *texts: str, at: int = 0, headers: Mapping[str, str] | None = None, timeout: float = 30.0) -> int:
        """A request of these texts, to one of the front ends. Its status."""
        records = [{"id": number, "text": text} for number, text in enumerate(texts)]
        given = {**(self.headers if headers is None else headers)}
        return self.system.front_ends[at].post(PATH, {"payload": {"records": records}}, given, timeout).status

    @property
    def processes(self) -> list[Process]:
        return [*self.system.front_ends, *self.system.batchers, self.writer]


@contextlib.contextmanager
def watched(directory: Path) -> Iterator[Watched]:
    """Two front ends, a batcher and the history's writer; load has been there for as long as a rate looks back."""
    bound = ["--maxmemory", "512mb"]
    with broker_process(*EVICTING) as cache, stack([], 0, options=bound, **_settings(cache.url)) as system:
        key = add(system.broker.url, "tester")
        system.start_batcher(SPEC, slo_p99=0.5)
        for _ in range(2):
            system.start_front_end()
        system.wait_live()
        _share_out(url_as(Role.OPERATOR, system.broker.url))
        writer = system.start_writer(str(directory / "history.db"))
        ports = {
            "front-end": [one.metrics_port for one in system.front_ends],
            "batcher": [one.metrics_port for one in system.batchers],
            "writer": [writer.metrics_port],
        }
        with prometheus(ports, directory, [RULES]) as scraping:
            made = Watched(system=system, writer=writer, prometheus=scraping, headers=bearer(key))
            _load(made)
            yield made


def _settings(cache_url: str) -> dict[str, Any]:
    kept = {"cache_bytes": 8_000_000, "cache_url": cache_url, SECRET: "a secret of sufficient length", "history": "on"}
    return kept | {"api_keys": "on", "anonymous": f"{ALLOWED} requests/min"}


def _share_out(url: str) -> None:
    """All to the only revision: its requests are counted by it."""
    [model] = jitney("status", "--json", url=url).json()["models"]
    name, _, revision = model["model"].partition("@")
    assert jitney("traffic", name, f"{revision}=100%", url=url).code == 0


def _load(made: Watched) -> None:
    """All sorts of requests to both, from three clients."""
    for hundred in range(4):  # the p99 that an SLO is held to is told of 300 jobs
        made.send(*(f"{hundred} {number}" for number in range(100)))
    numbers, ends = count(), time.monotonic() + LOAD

    def client() -> None:
        while time.monotonic() < ends:
            number = next(numbers)
            how, text = number % 12, f"text {number}"
            at = number % 2
            made.send(text, "asked before", at=at)
            if how == 0:
                made.send("!raise", at=at)
            elif how == 1:
                made.send(text, at=at, headers={})
            elif how == 2:
                made.send(text + "s", at=at, headers={**made.headers, **STREAMED})
            elif how == 3:
                made.send(text + "p", at=at, headers={**made.headers, **LATER})
            elif how == 4:
                made.system.front_ends[at].get("/nowhere")

    clients = [threading.Thread(target=client) for _ in range(3)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
