"""The front end that runs a batch dies, hangs or ends: another goes on from the store, and no line is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.batches.running import LEAST_LINES
from tests.faults.kit.batches import check_complete, computed_again, created, ended, is_under_way, lines
from tests.faults.kit.models import SPEC
from tests.faults.kit.report import record
from tests.faults.kit.submissions import adopted
from tests.integration.stack import Stack, stack
from tests.waiting import until

LINES = lines(1_200)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def system(tmp_path: Path, log: Path) -> Iterator[Stack]:
    settings = {"JITNEY_TEST_LOG": log, "JITNEY_TEST_PAUSE": 0.02, "max_batch_size": 16, "drain_seconds": 0.0}
    with stack(models=[SPEC], front_ends=2, files=tmp_path / "files", **settings) as made:
        yield made


def test_a_batch_whose_owner_is_killed_goes_on_elsewhere_and_one_window_is_computed_twice(
    system: Stack, log: Path
) -> None:
    victim, other = system.front_ends
    batch = created(victim, LINES)
    until(lambda: is_under_way(other, batch), "it is under way", within=20.0)
    victim.kill()
    since = time.monotonic()

    done = ended(other, batch)

    record("the front end of a batch of 1,200 lines killed: until another has ended it", time.monotonic() - since)
    check_complete(other, done, LINES)
    assert computed_again(log) <= LEAST_LINES


def test_an_owner_that_hangs_while_another_goes_on_spoils_nothing_when_it_is_back(system: Stack) -> None:
    stalled, other = system.front_ends
    batch = created(stalled, LINES)
    until(lambda: is_under_way(other, batch), "it is under way", within=20.0)
    stalled.pause()
    until(lambda: adopted(other), "it is adopted", within=20.0)
    stalled.resume()

    done = ended(other, batch)

    check_complete(stalled, done, LINES)


def test_an_owner_that_is_asked_to_end_hands_it_over(system: Stack, log: Path) -> None:
    ending, other = system.front_ends
    batch = created(ending, LINES)
    until(lambda: is_under_way(other, batch), "it is under way", within=20.0)
    ending.stop()

    done = ended(other, batch)

    check_complete(other, done, LINES)
    assert computed_again(log) <= LEAST_LINES
