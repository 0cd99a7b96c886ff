"""The front end that runs predictions dies, stalls or ends: another adopts them, and each has exactly one result."""

from __future__ import annotations

import time

from tests.faults.kit.oracle import check_nothing_left
from tests.faults.kit.report import record
from tests.faults.kit.submissions import (
    adopted,
    check_all_forgotten,
    check_one_result_each,
    check_results,
    id_of,
    ids_in_log,
    submitted,
)
from tests.integration.stack import stack
from tests.waiting import until

SPEC = "synthetic:20ms+1ms"
TEXTS = [f"prediction {number}" for number in range(40)]  # more than a front end runs at once
SOON = 4.0  # seconds: less than a lease


def test_predictions_of_a_front_end_that_is_killed_are_adopted_and_answered_once() -> None:
    with stack(models=[SPEC], front_ends=3) as system:
        victim, one, other = system.front_ends
        system.batchers[0].pause()
        addresses = submitted(victim, TEXTS)
        since = time.monotonic()
        victim.kill()
        system.batchers[0].resume()

        check_results(one, addresses)

        felt = time.monotonic() - since
        assert adopted(one) + adopted(other) == len(TEXTS)
        for event in ("prediction adopted", "prediction ended"):
            assert ids_in_log(event, one, other) == {id_of(text) for text in TEXTS}
        check_one_result_each(system, addresses)
        check_all_forgotten(system, one, addresses)
        check_nothing_left(system)
    record("the front end of 40 predictions killed: until others have answered all", felt)


def test_a_front_end_that_is_killed_in_the_middle_leaves_none_of_its_predictions_unanswered() -> None:
    with stack(models=[SPEC], front_ends=2) as system:
        victim, other = system.front_ends
        addresses = submitted(victim, TEXTS)  # some have ended, some run, some wait for their turn
        victim.kill()

        check_results(other, addresses)

        check_one_result_each(system, addresses)
        check_all_forgotten(system, other, addresses)
        check_nothing_left(system)


def test_one_that_stalls_longer_than_its_lease_changes_nothing_when_it_is_back() -> None:
    with stack(models=[SPEC], front_ends=2) as system:
        stalled, other = system.front_ends
        system.batchers[0].pause()
        addresses = submitted(stalled, TEXTS[:10])
        stalled.pause()
        until(lambda: adopted(other) == 10, "the other has adopted them", within=20.0)
        stalled.resume()
        system.batchers[0].resume()

        check_results(other, addresses)
        check_results(stalled, addresses)

        check_one_result_each(system, addresses)
        check_all_forgotten(system, stalled, addresses)
        check_nothing_left(system)


def test_one_that_is_asked_to_end_hands_its_predictions_over_at_once() -> None:
    with stack(models=[SPEC], front_ends=1, drain_seconds=0.0) as system:
        ending = system.front_ends[0]
        system.start_front_end()
        system.batchers[0].pause()
        addresses = submitted(ending, TEXTS[:10])
        ending.stop()
        since = time.monotonic()
        other = system.front_ends[1]
        until(lambda: adopted(other) == 10, "the other has adopted them", within=20.0)
        felt = time.monotonic() - since
        system.batchers[0].resume()

        check_results(other, addresses)
    record("a front end with predictions asked to end: until another has adopted them", felt)
