"""No broker, or an unfit one, while processes start, stop and go on."""

from __future__ import annotations

import threading
import time

import pytest

from tests.faults.kit import report
from tests.faults.kit.broker_process import broker_process
from tests.faults.kit.oracle import check_answers, check_nothing_left
from tests.faults.kit.proxied import VALKEY, held, proxied_stack
from tests.faults.kit.traffic import Call, ask
from tests.integration.processes import FrontEnd, Process
from tests.integration.stack import Stack, stack
from tests.waiting import until

MODEL = "synthetic:10ms"
LONGEST_PAUSE = 1.0  # seconds between two attempts to meet the broker
TIME_LIMIT = 3  # seconds
MET_WITHIN = 2.0 + LONGEST_PAUSE


def start_both(made: Stack) -> tuple[FrontEnd, Process]:
    """A front end that listens, and a batcher; neither has met a broker."""
    batcher, front_end = made.start_batcher(MODEL, wait=False), made.start_front_end(wait=False, drain_seconds=0.1)
    until(lambda: "broker not met" in batcher.stderr(), "the batcher has tried", within=30.0)
    until(lambda: "broker not reached" in front_end.stderr(), "the front end has tried", within=30.0)
    until(lambda: status(front_end, "/livez") == 200, "the front end listens", within=30.0)
    return front_end, batcher


def status(front_end: FrontEnd, path: str) -> int:
    try:
        return front_end.get(path).status
    except OSError:
        return 0


def said_of_the_broker(front_end: FrontEnd) -> str:
    """What /readyz says of it."""
    checks = front_end.get("/readyz").json()["checks"]
    return next(str(check["detail"]) for check in checks if check["name"] == "broker")


def test_processes_that_find_no_broker_stay_up_and_say_so_and_serve_soon_after_it_appears() -> None:
    with broker_process(binary=VALKEY, start=False) as broker, stack([], 0, broker=broker.server) as made:
        front_end, batcher = start_both(made)
        tried = time.monotonic()
        until(lambda: time.monotonic() > tried + 4.0, "both have paused for as long as they will")

        assert (status(front_end, "/livez"), status(front_end, "/readyz")) == (200, 503)
        assert said_of_the_broker(front_end).startswith("has not been met yet, for")
        assert "nothing listens there" in front_end.stderr()
        assert batcher.exit_code is None

        broker.start()
        appeared = time.monotonic()
        until(front_end.is_ready, "the front end is ready")
        ready = time.monotonic() - appeared
        made.wait_live()
        served = time.monotonic() - appeared
        report.record("no broker at start-up: ready after it appeared", ready)
        report.record("no broker at start-up: answers after it appeared", served)
        assert ready < MET_WITHIN
        assert served < MET_WITHIN + 1.0  # the front end looks around twice a second
        check_nothing_left(made)


def test_processes_that_never_met_a_broker_end_in_good_order() -> None:
    with broker_process(binary=VALKEY, start=False) as broker, stack([], 0, broker=broker.server) as made:
        front_end, batcher = start_both(made)

        assert (front_end.stop(), batcher.stop()) == (0, 0)


def test_processes_end_in_good_order_during_an_outage_and_tell_those_who_wait(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    calls: list[Call] = []
    limit = {"X-Request-Timeout": str(TIME_LIMIT)}
    with proxied_stack(tmp_path_factory.mktemp("system"), drain_seconds=0.1) as system:
        (front_end,), (batcher,) = system.stack.front_ends, system.stack.batchers
        asking = threading.Thread(target=lambda: calls.extend(ask([front_end.url], 10, headers=limit)))
        batcher.pause()
        asking.start()
        until(lambda: len(held(system.stack.redis)) == 10, "all wait, or are claimed")
        system.broker.kill()
        batcher.resume()
        began = time.monotonic()

        for process in (front_end, batcher):
            process.popen.terminate()
        codes = [front_end.wait(), batcher.wait()]

        asking.join()
        report.record("SIGTERM during an outage: both have ended", time.monotonic() - began)
        assert codes == [0, 0]
        assert check_answers(calls, errors={503, 504}).total() == 10


def test_a_broker_that_may_evict_jobs_is_refused_with_the_remedy() -> None:
    unfit = ("--maxmemory-policy", "allkeys-lru")
    with broker_process(*unfit, binary=VALKEY) as broker, stack([], 0, broker=broker.server) as made:
        both = [made.start_batcher(MODEL, wait=False), made.start_front_end(wait=False)]

        for process in both:
            assert process.wait(30.0) == 1
            assert "CONFIG SET maxmemory-policy noeviction" in process.stderr()
