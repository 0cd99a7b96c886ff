"""Predictions on real processes: posted to one front end, fetched from another, held by nobody for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from broker.keys import Keys
from tests.integration.processes import Reply, request
from tests.integration.stack import NAMESPACE, Stack, stack

PATH = "/models/synthetic"
ASYNC = {"Prefer": "respond-async"}


def body(*texts: str) -> dict[str, Any]:
    return {"payload": {"records": [{"id": at, "text": text} for at, text in enumerate(texts)]}}


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=["synthetic:10ms+0.1ms,faults=on"], front_ends=2) as made:
        yield made


def accepted(system: Stack, *texts: str, **headers: str) -> str:
    """The address of a prediction that the first front end has taken."""
    reply = system.post(PATH, body(*texts), ASYNC | headers)
    assert reply.status == 202
    return reply.headers["location"]


def fetched(system: Stack, address: str) -> Reply:
    """Its result, from the other front end."""
    return system.front_ends[1].get(f"{address}/result?wait=20", timeout=30.0)


def removal(system: Stack, address: str) -> Reply:
    """By the other front end."""
    return request("DELETE", system.front_ends[1].port, address)


def test_what_one_front_end_has_taken_another_answers_as_if_its_client_had_waited(system: Stack) -> None:
    waited = system.post(PATH, body("life", "!raise"))

    reply = fetched(system, accepted(system, "life", "!raise"))

    assert (reply.status, reply.body) == (200, waited.body)
    assert reply.headers["jitney-model"] == waited.headers["jitney-model"]


def test_what_becomes_of_one_is_told_at_another_front_end(system: Stack) -> None:
    address = accepted(system, "life", "!raise")

    told = system.front_ends[1].get(f"{address}/events", {"Accept": "application/x-ndjson"}, timeout=30.0)

    *standing, first, second, end = [json.loads(line) for line in told.body.splitlines()]
    rows = fetched(system, address).json()["result"]
    assert standing[-1]["prediction"]["status"] == "succeeded"
    assert [first, second] == [row | {"index": at} for at, row in enumerate(rows)]
    assert (end["done"], end["records"], end["failed"]) == (True, 2, 1)


def test_a_failure_is_fetched_as_the_problem_that_it_is(system: Stack) -> None:
    reply = fetched(system, accepted(system, "!raise"))

    assert (reply.status, reply.json()["code"]) == (500, "model_error")


def test_one_that_another_front_end_removes_is_canceled_and_then_forgotten(system: Stack) -> None:
    system.batchers[0].pause()
    address = accepted(system, "life")

    removed = [removal(system, address) for _ in range(3)]

    system.batchers[0].resume()
    assert [reply.status for reply in removed] == [202, 204, 404]


def test_in_the_end_the_broker_holds_none_of_their_bytes(system: Stack) -> None:
    addresses = [accepted(system, f"text {number}") for number in range(50)]

    for address in addresses:
        assert fetched(system, address).status == 200
        assert removal(system, address).status == 204

    keys = Keys(NAMESPACE)
    for name in system.redis.keys(keys.predictions_room):
        left = system.redis.zrange(name, 0, -1)
        assert not [one for one in left if any(address[13:].encode() in one for address in addresses)]
    assert system.redis.keys(keys.prediction_body("*")) == []
