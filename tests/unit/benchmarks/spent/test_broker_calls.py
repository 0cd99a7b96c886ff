"""The broker's counters, made into what a batch and a job cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.spent.broker_calls import (
    BrokerWork,
    broker_work,
    by_command,
    combined,
    commands_a_job,
    trips_a_job,
)
from benchmarks.spent.spent import Spent

NOTHING = Spent(seconds=2.0, cpu={}, busy=2.0, calls={}, trips=0)
SPENT = replace(NOTHING, calls={"evalsha": 210, "exec": 100, "rpush": 50}, admissions=6, batches=100)


def paid(jobs: int, *, evalsha: int = 110, commands: int = 400) -> BrokerWork:
    return BrokerWork(jobs=jobs, batches=100, seconds=2.0, exec=100, evalsha=evalsha, admit=5, commands=commands)


def test_commands_are_called_by_their_names():
    stats = {"cmdstat_exec": {"calls": 3, "usec": 9}, "cmdstat_EVALSHA": {"calls": 4}}

    assert by_command(stats) == {"exec": 3, "evalsha": 4}


def test_the_toll_of_a_batch():
    found = broker_work(SPENT, jobs=6400)

    assert (found.jobs_a_batch, found.batches_a_second, found.trips_a_batch) == (64.0, 50.0, 2.1)


def test_a_script_inside_a_transaction_is_no_trip_of_its_own():
    found = broker_work(SPENT, jobs=6400)

    assert (found.exec, found.evalsha) == (100, 110)


def test_admissions_go_by_requests_and_can_be_left_out():
    assert broker_work(SPENT, jobs=6400).batcher_trips_a_batch == pytest.approx(2.04)


def test_a_count_without_a_batch_is_an_error():
    with pytest.raises(ValueError, match="no batch"):
        broker_work(NOTHING, jobs=1)


def test_calls_that_go_by_batch_add_nothing_for_a_job():
    assert trips_a_job(paid(6400), paid(1600)) == 0.0


def test_calls_that_go_by_job_are_seen():
    large, small = paid(6400, evalsha=110 + 6400), paid(1600, evalsha=110 + 1600)

    assert trips_a_job(large, small) == pytest.approx(1.0)


def test_commands_inside_scripts_are_seen_as_well():
    large, small = paid(6400, commands=400 + 2 * 6400), paid(1600, commands=400 + 2 * 1600)

    assert commands_a_job(large, small) == pytest.approx(2.0)


def test_several_counts_make_one():
    assert combined([paid(6400), paid(1600)]).jobs_a_batch == 40.0
