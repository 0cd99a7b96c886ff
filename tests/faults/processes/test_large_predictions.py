"""A prediction of thousands of records never fills a lane, and goes on where it was when something dies."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.predictions.contract import MOST_ROWS
from tests.faults.broker.test_memory import memory_spent
from tests.faults.kit.broker_process import DURABLE, BrokerProcess, broker_process
from tests.faults.kit.models import LOG, PATH, PAUSE, SPEC, recorded
from tests.faults.kit.oracle import KEYS, leftovers
from tests.faults.kit.report import record
from tests.faults.kit.submissions import ASYNC, adopted, check_all_forgotten, check_one_result_each, fetched
from tests.integration.processes import FrontEnd
from tests.integration.stack import Stack, stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)
ROOM = 16  # jobs that the batcher takes at once
OUT = 2 * ROOM  # jobs of large predictions that are out at once
SETTINGS = {"max_batch_size": ROOM, "max_records": 3_000, PAUSE: 0.02}
TEXTS = [f"text {number}" for number in range(3_000)]
SOME = 600  # records, after which something breaks: more than the first second has
AGAIN = OUT + 2 * MOST_ROWS  # what was out, what was on its way to the broker, and what waited to be brought there


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "computed"


@pytest.fixture
def system(log: Path) -> Iterator[Stack]:
    with stack((SPEC,), 2, **SETTINGS, **{LOG: log}) as made:
        yield made


def body(texts: list[str]) -> dict[str, Any]:
    return {"payload": {"records": [{"id": text, "text": text} for text in texts]}}


def submitted(front_end: FrontEnd) -> str:
    """Its address."""
    reply = front_end.post(PATH, body(TEXTS), ASYNC)
    assert reply.status == 202, reply.body
    return reply.headers["location"]


def done(front_end: FrontEnd, address: str) -> int:
    found: int = front_end.get(address).json()["done"]
    return found


def check_result(front_end: FrontEnd, address: str) -> None:
    reply = fetched(front_end, address)
    assert reply.status == 200, reply.body
    assert reply.json() == {"result": [{"id": text, "text": text[::-1]} for text in TEXTS]}


def computed_again(log: Path) -> int:
    """How many records were computed more than once."""
    times = Counter(text for batch in recorded(log) for text in batch if text in set(TEXTS))
    assert len(times) == len(TEXTS)
    return sum(count - 1 for count in times.values())


def check_end(system: Stack, front_end: FrontEnd, address: str) -> None:
    """One result, and in the end nothing."""
    check_one_result_each(system, {"": address})
    assert not system.redis.exists(KEYS.prediction_rows(address.rpartition("/")[2]))
    check_all_forgotten(system, front_end, {"": address})
    until(lambda: not leftovers(system.redis), "nothing is left behind")


def test_whoever_adopts_it_from_a_killed_front_end_computes_one_window_again_at_most(system: Stack, log: Path) -> None:
    victim, other = system.front_ends
    address = submitted(victim)
    until(lambda: done(other, address) >= SOME, "much of it is done")
    since = time.monotonic()
    victim.kill()
    until(lambda: adopted(other) == 1, "the other has adopted it", within=20.0)
    felt = time.monotonic() - since

    check_result(other, address)

    again = computed_again(log)
    assert again <= AGAIN
    check_end(system, other, address)
    record("the front end of a prediction of 3,000 records killed: until another has adopted it", felt)
    record("the same: records that were computed again (not seconds)", float(again))


def test_two_owners_leave_one_right_result(system: Stack, log: Path) -> None:
    stalled, other = system.front_ends
    address = submitted(stalled)
    until(lambda: done(other, address) >= SOME, "much of it is done")
    stalled.pause()
    until(lambda: adopted(other) == 1, "the other has adopted it", within=20.0)
    before = done(other, address)
    until(lambda: done(other, address) > before, "the other has brought rows")
    stalled.resume()

    check_result(other, address)
    check_result(stalled, address)

    assert computed_again(log) <= AGAIN + OUT  # the one that was stalled learns of it with its next beat or rows
    check_end(system, stalled, address)


def test_a_caller_who_waits_stands_behind_two_rooms_full_of_it_at_most(system: Stack, log: Path) -> None:
    submitted(system.front_ends[0])
    lane = _lane(system)
    depths, passed = [], []
    for number in range(20):
        before = len(recorded(log))
        assert system.front_ends[1].post(PATH, body([f"caller {number}"])).status == 200
        batches = recorded(log)
        passed.append(next(at for at, batch in enumerate(batches) if f"caller {number}" in batch) - before)
        depths.append(system.redis.llen(lane))

    assert 0 < max(depths) <= OUT
    assert max(passed) <= 20  # passes of 188: one under way, two before it, and those that began while it was read


def _lane(system: Stack) -> bytes:
    """The only one in which anything waits."""
    found: list[bytes] = []

    def look() -> bool:
        found[:] = system.redis.keys(f"{KEYS.prefix}q:*")  # type: ignore[assignment]
        return bool(found)

    until(look, "its jobs wait")
    [lane] = found
    return lane


@pytest.fixture
def broker() -> Iterator[BrokerProcess]:
    with broker_process(*DURABLE) as made:
        yield made


def test_it_goes_on_when_the_broker_is_back_with_its_data(broker: BrokerProcess, log: Path) -> None:
    with stack((SPEC,), 2, broker=broker.server, **SETTINGS, **{LOG: log}) as system:
        one, other = system.front_ends
        address = submitted(one)
        until(lambda: done(other, address) >= SOME, "much of it is done")
        broker.restart(keep_data=True)
        until(lambda: other.get(address).status == 200, "the broker is back", within=20.0)

        check_result(other, address)

        assert computed_again(log) <= AGAIN
        check_end(system, other, address)


def test_while_the_broker_has_no_memory_portions_wait_and_rows_too(broker: BrokerProcess, log: Path) -> None:
    with stack((SPEC,), 2, broker=broker.server, **SETTINGS, **{LOG: log}) as system, broker.client() as client:
        one, other = system.front_ends
        address = submitted(one)
        until(lambda: done(other, address) >= SOME, "some of it is done")
        with memory_spent(client):
            until(lambda: one.post(PATH, body(["caller"])).status == 503, "nobody's jobs are taken", within=20.0)
            before = done(other, address)
        until(lambda: done(other, address) > before, "it goes on", within=20.0)

        check_result(other, address)

        assert computed_again(log) == 0
        check_end(system, other, address)
