"""Every figure beside the limits: how near, and to which."""

from __future__ import annotations

import pytest

from benchmarks.ceiling.broker_alone import BrokerAlone
from benchmarks.ceiling.model_alone import ModelAlone, measure
from benchmarks.ceiling.report import BARE, BROKER, INSIDE, JITNEY, MODEL, Ceiling, Row, markdown
from tests.unit.benchmarks.load.made import stretch


def row(server, clients, *rates, **held):
    return Row(server=server, clients=clients, rounds=[stretch(rate, **held) for rate in rates])


CEILING = Ceiling(
    spec="synthetic:10ms+0ms",
    rows=[
        row(BARE, 1, 1000, 2000, cpu={"bare": 100.0}),
        row(INSIDE, 1, 90, 80, p50=11.0, cpu={"inside 0": 150.0}),
        row(JITNEY, 1, 50, 60, p50=22.0, cpu={"front end": 200.0, "batcher model-0": 90.0, "broker": 10.0}),
        row(BARE, 128, 4000, 4000),
        row(INSIDE, 128, 3000, 3000),
        row(JITNEY, 128, 2000, 2000),
    ],
    model=[ModelAlone(jobs=1, seconds=0.01), ModelAlone(jobs=64, seconds=0.016)],
    broker=[
        BrokerAlone(jobs=1, micros=400.0, micros_in_one=200.0, commands=66.0),
        BrokerAlone(jobs=64, micros=20.0, micros_in_one=18.0, commands=132.0),
    ],
    largest=64,
)


def test_the_share_of_a_server_is_taken_within_each_round():
    shares = CEILING.shares(1)

    assert shares[BARE] == pytest.approx((0.05 + 0.03) / 2)
    assert shares[INSIDE] == pytest.approx((50 / 90 + 60 / 80) / 2)


def test_model_and_broker_are_taken_with_the_fullest_batches_that_the_clients_can_fill():
    assert CEILING.limits(1) == {BARE: 1500, INSIDE: 85, MODEL: pytest.approx(100), BROKER: 2500}
    assert CEILING.limits(128) == {BARE: 4000, INSIDE: 3000, MODEL: pytest.approx(4000), BROKER: 50_000}
    assert CEILING.shares(128)[MODEL] == pytest.approx(0.5)


def test_the_page_names_the_limit_that_is_nearest():
    page = markdown({"python": "3"}, [CEILING])

    assert "| 1 | 55 | 1,500 (0.04) | 85 (0.65) | 100 (0.55) | 2,500 (0.02) | batching inside it, 0.65 |" in page


def test_the_page_says_what_an_answer_costs_each_process():
    page = markdown({}, [CEILING])

    assert "| 1 | 100 | 150 | 300 | 3.0 | 200 | 90 | 10 | 5.0 |" in page
    assert "| 1 | 22.00 / 44.00 | 11.00 / 22.00 | 2.00 |" in page


def test_the_page_has_both_ways_of_asking_the_broker():
    assert "| 64 | 20 | 50,000 | 18 | 55,556 | 132 |" in markdown({}, [CEILING])


def test_the_model_alone_is_as_fast_as_its_batches_are_large():
    (four,) = measure("synthetic:1ms+0ms", [4], seconds=0.0)

    assert (four.jobs, four.per_second) == (4, 4 / four.seconds)
    assert four.seconds > 0.0005  # its sleep makes up for how late the ones before it ended
