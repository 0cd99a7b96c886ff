"""The least mean that one card allows, against every schedule there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from random import Random

import pytest

from benchmarks.stress.card import Card, least_mean


def every_schedule(jobs: tuple[int, ...], largest: int) -> Iterator[list[tuple[int, ...]]]:
    """All ways to cut the jobs into batches, one after the other."""
    if not jobs:
        yield []
    for size in range(1, min(largest, len(jobs)) + 1):
        for batch in combinations(jobs, size):
            rest = tuple(job for job in jobs if job not in batch)
            yield from ([batch, *later] for later in every_schedule(rest, largest))


def mean(card: Card, dues: Sequence[float], records: int, batches: Sequence[Sequence[int]]) -> float:
    free, ends = 0.0, [0.0] * len(dues)
    for batch in batches:
        free = max(free, *(dues[job // records] for job in batch)) + card.seconds(len(batch))
        for job in batch:
            ends[job // records] = free
    return sum(end - due for end, due in zip(ends, dues, strict=True)) / len(dues)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("requests", "records"), [(5, 1), (3, 2), (2, 3)])
def test_no_schedule_is_better_and_one_is_as_good(requests: int, records: int, seed: int):
    draw = Random(seed)
    card = Card(fixed=draw.choice([0.1, 1.0]), per_job=draw.uniform(0.0, 1.0), largest=draw.choice([2, 3, 6]))
    dues = sorted(draw.uniform(0.0, 3.0) for _ in range(requests))
    jobs = tuple(range(requests * records))

    least = min(mean(card, dues, records, batches) for batches in every_schedule(jobs, card.largest))

    assert least_mean(card, dues, records) == pytest.approx(least)


def test_waiting_for_company_can_be_better_than_computing_all_that_waits():
    card = Card(fixed=1.0, per_job=0.0, largest=8)

    assert least_mean(card, [0.0, 0.1], 1) == pytest.approx(1.05)  # at once: 1.0 and 1.9


def test_a_card_is_a_model_of_ours():
    assert Card(fixed=0.4, per_job=0.014, largest=256).spec == "synthetic:400ms+14ms"
