"""Forward groups: who shares a padded pass with whom."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from batcher.policy.packing import fill, pack, padded

ROOM = 16384


def lengths_of(seed: int, count: int, longest: int = 80) -> list[int]:
    rng = random.Random(seed)
    return [rng.randint(4, longest) for _ in range(count)]


def taken(groups: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[list[int]]:
    return [[lengths[index] for index in group] for group in groups]


def cost(groups: Sequence[Sequence[int]], lengths: Sequence[int], pass_cost: int) -> int:
    return sum(pass_cost + padded(group) for group in taken(groups, lengths))


def ways_to_cut(items: Sequence[int]) -> Iterator[list[list[int]]]:
    """Every way to cut a sequence into consecutive groups."""
    for cuts in range(2 ** max(0, len(items) - 1)):
        groups = [[items[0]]]
        for place, item in enumerate(items[1:]):
            if cuts >> place & 1:
                groups.append([item])
            else:
                groups[-1].append(item)
        yield groups


@pytest.mark.parametrize("count", [1, 2, 17, 64, 256])
def test_every_job_is_in_exactly_one_group(count: int) -> None:
    lengths = lengths_of(seed=count, count=count)

    groups = pack(lengths, max_tokens=1024)

    assert sorted(index for group in groups for index in group) == list(range(count))


def test_no_jobs_make_no_groups() -> None:
    assert pack([], max_tokens=1024) == []


@pytest.mark.parametrize("max_tokens", [1, 40, 80, 333, 1024])
def test_padded_tokens_never_exceed_the_budget_unless_a_job_travels_alone(max_tokens: int) -> None:
    lengths = lengths_of(seed=max_tokens, count=64)

    groups = taken(pack(lengths, max_tokens=max_tokens, pass_cost=100_000), lengths)

    assert all(padded(group) <= max_tokens or len(group) == 1 for group in groups)


def test_a_job_larger_than_the_budget_travels_alone() -> None:
    groups = pack([5, 2000, 6], max_tokens=1024)

    assert [1] in groups


def test_jobs_of_like_length_share_one_pass() -> None:
    groups = pack([12, 12, 13, 12], max_tokens=ROOM)

    assert len(groups) == 1


def test_no_cut_is_looked_for_where_all_of_the_padding_costs_no_more_than_a_pass(monkeypatch) -> None:
    monkeypatch.delattr("batcher.policy.packing._cheapest_cuts")

    assert pack([12, 12, 13, 12], max_tokens=4 * 13, pass_cost=3) == [[0, 1, 3, 2]]


def test_a_long_job_does_not_make_short_ones_wide() -> None:
    groups = pack([5, 400, 6, 5], max_tokens=ROOM)

    assert taken(groups, [5, 400, 6, 5]) == [[5, 5, 6], [400]]


def test_groups_come_shortest_first() -> None:
    groups = taken(pack([300, 5, 90, 7, 305], max_tokens=ROOM, pass_cost=8), [300, 5, 90, 7, 305])

    assert groups == [[5, 7], [90], [300, 305]]


def test_where_a_pass_is_dear_everybody_travels_together() -> None:
    groups = pack(lengths_of(seed=1, count=64), max_tokens=ROOM, pass_cost=8192)

    assert len(groups) == 1


@pytest.mark.parametrize("seed", range(12))
def test_no_other_cut_is_cheaper(seed: int) -> None:
    rng = random.Random(seed)
    lengths = lengths_of(seed, count=rng.randint(2, 9), longest=60)
    max_tokens, pass_cost = rng.choice([80, 120, ROOM]), rng.choice([4, 32, 128])
    order = sorted(range(len(lengths)), key=lengths.__getitem__)

    groups = pack(lengths, max_tokens=max_tokens, pass_cost=pass_cost)

    allowed = [
        cut
        for cut in ways_to_cut(order)
        if all(len(group) == 1 or padded(group) <= max_tokens for group in taken(cut, lengths))
    ]
    assert cost(groups, lengths, pass_cost) == min(cost(cut, lengths, pass_cost) for cut in allowed)


@pytest.mark.parametrize("seed", range(5))
def test_sixty_four_sentences_of_three_to_sixty_words_travel_with_little_padding(seed: int) -> None:
    rng = random.Random(seed)
    lengths = [round(1.3 * rng.randint(3, 60)) + 2 for _ in range(64)]

    groups = taken(pack(lengths, max_tokens=ROOM), lengths)

    assert sum(map(padded, groups)) <= 1.15 * sum(lengths)
    assert len(groups) <= 12


def test_without_padding_groups_are_cut_by_their_tokens_alone() -> None:
    lengths = [40, 3, 500, 7, 60]

    assert taken(fill(lengths, max_tokens=110), lengths) == [[3, 7, 40, 60], [500]]
    assert taken(fill(lengths, max_tokens=109), lengths) == [[3, 7, 40], [60], [500]]
    assert taken(fill([1, 500], max_tokens=100), [1, 500]) == [[1], [500]]
    assert fill([], max_tokens=100) == []
