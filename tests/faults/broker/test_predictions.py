"""Predictions when the broker dies, comes back with its data or empty, or has no memory left."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults.broker.test_memory import memory_spent
from tests.faults.kit import report
from tests.faults.kit.broker_process import DURABLE, BrokerProcess, broker_process
from tests.faults.kit.submissions import check_all_forgotten, check_one_result_each, check_results, fetched, submitted
from tests.faults.kit.traffic import PATH
from tests.integration.stack import Stack, stack
from tests.waiting import until

SPEC = "synthetic:20ms+1ms"
TEXTS = [f"prediction {number}" for number in range(20)]
ONE_MORE = {"payload": {"records": [{"id": 0, "text": "one more"}]}}


@pytest.fixture
def broker() -> Iterator[BrokerProcess]:
    with broker_process(*DURABLE) as made:
        yield made


@pytest.fixture
def system(broker: BrokerProcess) -> Iterator[Stack]:
    with stack(models=[SPEC], front_ends=2, broker=broker.server) as made:
        yield made


def wait_until_back(system: Stack) -> None:
    system.wait_live()
    for front_end in system.front_ends:  # each looks for batchers by itself
        until(lambda front_end=front_end: front_end.post(PATH, ONE_MORE).status == 200, "it answers again")


def test_predictions_outlive_a_broker_that_comes_back_with_its_data(broker: BrokerProcess, system: Stack) -> None:
    one, other = system.front_ends
    system.batchers[0].pause()
    addresses = submitted(one, TEXTS)
    time.sleep(1.1)  # what the last second brought may be lost, as `everysec` says
    broker.restart(keep_data=True)
    back = time.monotonic()
    system.batchers[0].resume()
    wait_until_back(system)

    check_results(other, addresses)

    report.record("the broker killed, back with 20 predictions: until all are answered", time.monotonic() - back)
    check_one_result_each(system, addresses)
    check_all_forgotten(system, other, addresses)


def test_what_a_broker_that_comes_back_empty_has_lost_is_said_to_be_lost(broker: BrokerProcess, system: Stack) -> None:
    one, other = system.front_ends
    addresses = submitted(one, TEXTS)
    check_results(other, addresses)
    broker.restart(keep_data=False)
    wait_until_back(system)

    replies = [fetched(front_end, address) for front_end in (one, other) for address in addresses.values()]

    assert {(reply.status, reply.json()["code"]) for reply in replies} == {(410, "prediction_lost")}
    check_results(other, submitted(one, TEXTS))


def test_without_memory_new_predictions_are_refused_and_running_ones_end(broker: BrokerProcess, system: Stack) -> None:
    one, other = system.front_ends
    system.batchers[0].pause()
    addresses = submitted(one, TEXTS)

    with broker.client() as client, memory_spent(client):
        refused = one.post(PATH, ONE_MORE, {"Prefer": "respond-async"})
        system.batchers[0].resume()

    assert (refused.status, refused.json()["code"]) == (503, "broker_full")
    check_results(other, addresses)
    check_one_result_each(system, addresses)
    check_all_forgotten(system, other, addresses)
