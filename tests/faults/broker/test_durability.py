"""`--prediction-durability strict` on a broker that may not say, then may, then keeps its log no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.embedded import inspect_binary
from tests.contract.servers import find_valkey
from tests.faults.kit.submissions import fetched
from tests.faults.kit.traffic import PATH
from tests.integration.processes import Reply
from tests.integration.stack import Stack, stack
from tests.waiting import until

BODY = {"payload": {"records": [{"id": 0, "text": "life"}]}}


@pytest.fixture
def system() -> Iterator[Stack]:
    found = find_valkey()
    binary = inspect_binary(Path(found)) if found else None
    if binary is None:
        pytest.skip("no valkey-server on this machine")
    options = ["--appendonly", "yes"]
    with stack(binary=binary, options=options, prediction_durability="strict") as made:
        yield made


def submitted(system: Stack) -> Reply:
    return system.post(PATH, BODY, {"Prefer": "respond-async"})


def test_predictions_are_taken_while_the_broker_confirms_them_and_only_then(system: Stack) -> None:
    not_allowed, waited = submitted(system), system.post(PATH, BODY)

    system.redis.execute_command("ACL", "SETUSER", "jitney-front-end", "+waitaof")
    until(lambda: submitted(system).status == 202, "the broker confirms")
    kept = submitted(system)
    result = fetched(system.front_ends[0], kept.headers["location"])

    system.redis.config_set("appendonly", "no")
    no_log = submitted(system)

    assert (not_allowed.status, not_allowed.json()["code"]) == (503, "not_durable")
    assert (waited.status, kept.status, result.body) == (200, 202, waited.body)
    assert (no_log.status, no_log.json()["code"]) == (503, "not_durable")
    assert "+waitaof" in system.outputs()
