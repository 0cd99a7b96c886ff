"""A model of somebody's own does what it likes; nobody gets a wrong answer, and everybody a definite one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from batcher.engines.lost_device import DEVICE_LOST
from broker.common.numbers.finite import NOT_FINITE
from tests.faults.kit.supervisor import Supervisor
from tests.integration.stack import Stack, stack

SPEC = "tests.faults.kit.own_models:Hostile"
PATH = "/models/hostile"


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=[SPEC], lease=0.6) as made:
        yield made


def asked(system: Stack, *texts: str) -> list[dict[str, Any]]:
    records = [{"id": text, "text": text} for text in texts]
    reply = system.post(PATH, {"payload": {"records": records}})
    assert reply.status == 200, reply.body
    rows: list[dict[str, Any]] = reply.json()["result"]
    return rows


def test_a_number_that_is_not_finite_is_an_error_of_its_record(system: Stack) -> None:
    bad, good = asked(system, "!nan", "abc")

    assert bad == {"id": "!nan", "error": {"code": "model_error", "message": NOT_FINITE}}
    assert good == {"id": "abc", "text": "cba"}


def test_a_model_that_wants_the_process_to_exit_fails_the_input_it_does_so_for(system: Stack) -> None:
    bad, good = asked(system, "!exit", "abc")

    assert bad["error"]["code"] == "model_error"
    assert good == {"id": "abc", "text": "cba"}
    assert system.batchers[0].exit_code is None


def test_the_keys_of_a_dict_are_nobodys_answer(system: Stack) -> None:
    reply = system.post(PATH, {"payload": {"records": [{"id": 1, "text": "!dict"}]}})

    assert reply.status == 500
    assert "a dict in place of a list of outputs" in reply.json()["detail"]


def test_an_input_that_fails_the_card_ends_processes_fails_nobody_else_and_is_set_aside(system: Stack) -> None:
    with Supervisor(system, SPEC, 1).watching() as supervisor:
        rows = asked(system, "!card", *(f"mate {number}" for number in range(6)))
        system.until(lambda: bool(supervisor.alive()), "a batcher runs")

    assert rows[0]["error"]["code"] == "poison"
    assert [row["text"] for row in rows[1:]] == [row["id"][::-1] for row in rows[1:]]
    ended = [batcher for batcher in system.batchers if batcher.exit_code is not None]
    assert [batcher.exit_code for batcher in ended] == [DEVICE_LOST] * 3
    assert "device lost" in ended[0].stderr()
    assert "Traceback" not in ended[0].stderr()
