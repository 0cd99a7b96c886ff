"""Batches when the broker comes back empty: what it had of them is in the store as well, so they go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kit import report
from tests.faults.kit.batches import check_complete, created, ended, is_under_way, lines
from tests.faults.kit.broker_process import BrokerProcess, broker_process
from tests.faults.kit.models import SPEC
from tests.integration.stack import Stack, stack
from tests.waiting import until

LINES = lines(600)


@pytest.fixture
def broker() -> Iterator[BrokerProcess]:
    with broker_process() as made:
        yield made


@pytest.fixture
def system(broker: BrokerProcess, tmp_path: Path) -> Iterator[Stack]:
    settings = {"JITNEY_TEST_LOG": tmp_path / "log", "JITNEY_TEST_PAUSE": 0.05, "max_batch_size": 16}
    with stack(models=[SPEC], front_ends=2, broker=broker.server, files=tmp_path / "files", **settings) as made:
        yield made


def test_a_batch_outlives_a_broker_that_comes_back_empty(broker: BrokerProcess, system: Stack) -> None:
    one, other = system.front_ends
    batch = created(one, LINES)
    until(lambda: is_under_way(other, batch), "it is under way", within=20.0)
    broker.restart(keep_data=False)
    back = time.monotonic()

    done = ended(other, batch)

    report.record("the broker back empty in the middle of a batch: until it has ended", time.monotonic() - back)
    check_complete(one, done, LINES)


def test_a_batch_that_is_created_while_the_broker_is_away_begins_when_it_is_back(
    broker: BrokerProcess, system: Stack
) -> None:
    one, other = system.front_ends
    broker.kill()
    batch = created(one, LINES[:20])
    broker.start()

    check_complete(other, ended(other, batch), LINES[:20])
