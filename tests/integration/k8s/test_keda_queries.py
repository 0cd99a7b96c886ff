"""KEDA's queries, asked of a real Prometheus that scrapes a running system: what waits counts, what is in work not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.faults.kit import sleeper
from tests.integration.stack import Stack, stack
from tests.manifests import render
from tests.prometheus_server import Prometheus, needs_prometheus, prometheus
from tests.waiting import until

pytestmark = [needs_prometheus, pytest.mark.timeout(120)]
SCALED = render("keda").named("ScaledObject", "jitney-batcher-m2m100")["spec"]
QUERIES = {one["name"]: one["metadata"]["query"].replace("[2m]", "[10s]") for one in SCALED["triggers"]}
MODEL = "m2m100-418m"
WAITING = 5
BUSY = 15.0  # seconds of one job


@dataclass(frozen=True)
class Scraped:
    system: Stack
    prometheus: Prometheus

    def asked(self) -> dict[str, float | None]:
        """What KEDA would be told."""
        return {name: self.prometheus.value(query) for name, query in QUERIES.items()}


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    with stack(models=(), front_ends=2, max_batch_size=1) as system:  # each tells the same: nothing is counted twice
        system.start_batcher(sleeper.SPEC, name=MODEL)
        system.wait_live()
        ports = {
            "front-ends": [one.metrics_port for one in system.front_ends],
            "batchers": [one.metrics_port for one in system.batchers],
        }
        with prometheus(ports, tmp_path_factory.mktemp("prometheus")) as made:
            yield Scraped(system, made)


@contextmanager
def sent(system: Stack, text: str, count: int = 1) -> Iterator[None]:
    """So many requests, under way in the block and answered after it."""

    def ask() -> None:
        record = {"id": text, "text": text}
        assert system.post(f"/models/{MODEL}", {"payload": {"records": [record]}}, timeout=60.0).status == 200

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def test_an_idle_system_asks_for_nothing(scraped: Scraped) -> None:
    until(lambda: scraped.asked() == {"depth": 0.0, "age": 0.0, "running": 0.0}, "all are known and zero", within=20.0)


# A job's seconds are counted when it ends: many short ones, as in life, and not one that outlasts what a rate looks at.
def test_what_runs_keeps_its_card_and_asks_for_no_other(scraped: Scraped) -> None:
    with sent(scraped.system, "0.4 running", 12):
        until(lambda: (scraped.asked()["running"] or 0) > 0.3, "the share of a batch that ran", within=10.0)
        running = scraped.asked()["running"]

    assert running is not None and running < 1.1  # of one job at a time; the ends of a rate are estimates


def test_a_job_in_work_asks_for_no_card_more_and_those_that_wait_do(scraped: Scraped) -> None:
    claimed = f'min(jitney_claimed_jobs{{model="{MODEL}"}})'  # as both front ends see it
    with sent(scraped.system, f"{BUSY:g} busy"):
        until(lambda: scraped.prometheus.value(claimed) == 1 and nothing_waits(scraped), "it is in work", within=8.0)

        with sent(scraped.system, "0 waiting", WAITING):
            # The next one may be claimed ahead, to start without delay.
            until(lambda: (scraped.asked()["depth"] or 0) >= WAITING - 1, "the others wait", within=5.0)
            until(lambda: (scraped.asked()["age"] or 0) > 2.0, "the oldest has waited for two seconds", within=8.0)
            crowded = scraped.asked()

    assert crowded["depth"] in (WAITING - 1, WAITING)
    until(lambda: nothing_waits(scraped), "all are answered", within=10.0)


def nothing_waits(scraped: Scraped) -> bool:
    told = scraped.asked()
    return (told["depth"], told["age"]) == (0.0, 0.0)
