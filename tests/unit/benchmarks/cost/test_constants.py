"""Constants come out of measurements as they went in, and say where one of each ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.cost.constants import constants, ends
from tests.unit.benchmarks.cost.made import BATCHER, BROKER, FRONT_END, report


def test_a_request_and_a_record_of_a_front_end_are_told_apart():
    found = constants(report())

    assert (found.front_end_request, found.front_end_record) == pytest.approx((FRONT_END[0], FRONT_END[2]))


def test_a_request_a_batch_and_a_job_of_the_broker_are_told_apart():
    found = constants(report())

    assert (found.broker_request, found.broker_batch, found.broker_job) == pytest.approx(BROKER[:3])


def test_a_batch_and_a_job_of_a_batcher_are_told_apart():
    found = constants(report())

    assert (found.batcher_batch, found.batcher_job) == pytest.approx(BATCHER[1:3])


def test_what_a_thousand_characters_more_cost_is_told_whatever_batches_they_met():
    found = constants(report())

    told = (found.front_end_characters, found.broker_characters, found.batcher_characters)
    assert told == pytest.approx((FRONT_END[3], BROKER[3], BATCHER[3]))


def test_a_request_that_is_alone_pays_for_all_of_its_batch():
    found = constants(report())

    assert (found.front_end_lone, found.broker_lone, found.batcher_lone) == pytest.approx((120, 318, 930))


def test_one_of_each_ends_where_its_core_is_full():
    found = ends(constants(report()))

    assert found.front_end_requests == pytest.approx(1e6 / 120)
    assert found.broker_full == pytest.approx(1e6 / (10 + 300 / 64 + 8))
    assert found.batcher_full == pytest.approx(1e6 / (900 / 64 + 30))


def test_a_report_without_the_rows_that_it_takes_is_told():
    with pytest.raises(ValueError, match="no row with 1 records"):
        constants(replace(report(), sent=[]))
