"""Tokens a job."""

from __future__ import annotations

import pytest

from batcher.policy.mean_cost import MeanCost
from broker.messages import Job


def jobs(*costs: int) -> list[Job]:
    return [Job(id=str(number), front_end="f", input="x", cost=cost) for number, cost in enumerate(costs)]


def test_nothing_is_known_before_the_first_job() -> None:
    mean = MeanCost()

    mean.observe([])

    assert mean.mean == 0.0


def test_every_job_weighs_the_same() -> None:
    mean = MeanCost()

    mean.observe(jobs(10, 10, 40))

    assert mean.mean == pytest.approx(20.0)


def test_what_came_long_ago_fades() -> None:
    mean = MeanCost()
    for _ in range(200):
        mean.observe(jobs(5))

    for _ in range(100):
        mean.observe(jobs(500))

    assert mean.mean == pytest.approx(500, rel=0.1)
