"""Predictions when the broker dies, comes back with its data or empty, has no memory left, or its answers are lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.redis import scripts
from tests.faults.broker.test_memory import memory_spent
from tests.faults.kit import report
from tests.faults.kit.broker_process import DURABLE, BrokerProcess, broker_process
from tests.faults.kit.proxied import KEYS, proxied_stack
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
    # Before that a front end may answer by what it knew of old, then look, and find nobody.
    system.until(lambda: bool(system.announced()), "the batcher has announced itself again")
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


def test_a_creation_whose_answers_are_lost_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    create = scripts.PREDICTION_CREATE.sha.encode()
    with proxied_stack(tmp_path) as system, system.broker.client() as client:
        [front_end] = system.stack.front_ends
        assert front_end.post(PATH, ONE_MORE, {"Prefer": "respond-async, wait=20"}).status == 200
        before = set(client.keys(KEYS.prediction("*")))
        system.stack.batchers[0].pause()

        with system.front.drop_reply(create, nth=1), system.front.drop_reply(create, nth=2):
            refused = front_end.post(PATH, ONE_MORE, {"Prefer": "respond-async"})

        told = time.monotonic()
        assert (refused.status, refused.json()["code"]) == (503, "broker_unavailable")
        until(lambda: set(client.keys(KEYS.prediction("*"))) == before, "it is forgotten")
        report.record(
            "two lost answers to a prediction's creation: until nothing of it is left", time.monotonic() - told
        )
        assert (client.zcard(KEYS.predictions_due), client.zcard(KEYS.predictions_room)) == (0, 1)
