"""Which vectors belong together: as a table of all pairs has it, but without one; and the same for nearly the same."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from server.clustering import communities as module
from server.clustering.communities import communities, direction
from server.clustering.contract import HUNDREDTHS, Group, ThresholdTooLow, least, shown
from tests.unit.server.clustering import naive

NUMBERS = st.integers(-3, 3).map(float)
VECTORS = st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=24)
THRESHOLDS = st.integers(1, HUNDREDTHS).map(lambda hundredths: hundredths / HUNDREDTHS)


def directions(vectors: Sequence[Sequence[float]]) -> module.Floats:
    return np.stack([direction(vector) for vector in vectors])


def is_clear(vectors: Sequence[Sequence[float]]) -> bool:
    """No similarity stands between two hundredths, where the last bit of a float decides."""
    found = [naive.cosine(*pair) * HUNDREDTHS % 1 for pair in combinations(vectors, 2)]
    return all(abs(rest - 0.5) > 1e-3 for rest in found)


def partition(groups: Sequence[Group]) -> list[tuple[int, frozenset[int]]]:
    """Centres and members, in order."""
    return [(group.members[0], frozenset(group.members)) for group in groups]


@contextmanager
def small_blocks(cells: int) -> Iterator[None]:
    with patch.object(module, "CELLS", cells), patch.object(module, "CANDIDATES", 2):
        yield


@settings(deadline=None)
@given(vectors=VECTORS, threshold=THRESHOLDS, cells=st.sampled_from([1, 7, 30, 1 << 22]))
def test_it_is_what_a_table_of_all_pairs_gives(vectors, threshold, cells):
    found = naive.groups(vectors, threshold)
    assume(is_clear(vectors) and all(is_clear_cohesion(group, vectors) for group in found))

    with small_blocks(cells):
        assert communities(directions(vectors), threshold) == found


def is_clear_cohesion(group: Group, vectors: Sequence[Sequence[float]]) -> bool:
    pairs = [naive.cosine(vectors[one], vectors[other]) for one, other in combinations(group.members, 2)]
    return not pairs or abs(sum(pairs) / len(pairs) * HUNDREDTHS % 1 - 0.5) > 1e-3


@settings(deadline=None)
@given(vectors=VECTORS, threshold=THRESHOLDS)
def test_everyone_is_in_one_group_alike_its_centre(vectors, threshold):
    groups = communities(directions(vectors), threshold)

    assert sorted(member for group in groups for member in group.members) == list(range(len(vectors)))
    assert min(similarity for group in groups for similarity in group.similarities) >= threshold - 1e-9


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(2, 30),
    threshold=st.integers(30, 90).map(lambda hundredths: hundredths / HUNDREDTHS),
    share=st.floats(0.0, 0.9),
)
def test_whatever_moves_no_pair_across_the_threshold_changes_no_group(seed, count, threshold, share):
    chance = np.random.default_rng(seed)
    vectors = chance.normal(size=(count, 4)) + 2 * chance.integers(-1, 2, size=(count, 4))
    apart = naive.margin(vectors.tolist(), threshold)
    assume(apart > 1e-5)
    # A unit vector that moves by d changes a cosine by d at most, and both of a pair may move.
    noise = chance.normal(size=vectors.shape)
    noise *= share * apart / 4 / np.linalg.norm(noise, axis=1, keepdims=True)
    moved = directions(vectors) + noise

    found = communities(directions(moved), threshold)

    assert partition(found) == partition(communities(directions(vectors), threshold))


def bf16(vectors: module.Floats) -> module.Floats:
    """Each number cut to the 8 bits that bf16 keeps."""
    return (vectors.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def planted(groups: int, each: int, seed: int = 9527) -> module.Floats:
    """Texts about so many subjects, mixed: the cosines within one are about 0.8, those between two about 0."""
    chance = np.random.default_rng(seed)
    subjects = chance.normal(size=(groups, 384))
    vectors = np.repeat(subjects, each, axis=0) + 0.5 * chance.normal(size=(groups * each, 384))
    return directions(chance.permutation(vectors))


def test_vectors_of_bf16_have_the_groups_of_fp32():
    vectors = planted(20, 7)

    groups = communities(vectors, 0.6)

    assert [len(group.members) for group in groups] == [7] * 20
    assert partition(communities(directions(bf16(vectors)), 0.6)) == partition(groups)


def test_texts_that_are_the_same_are_together_at_a_threshold_of_1():
    vectors = planted(3, 1)
    noisy = directions(bf16(np.repeat(vectors, 4, axis=0)) + np.float32(1e-3) * planted(12, 1, seed=1))

    assert [len(group.members) for group in communities(noisy, 1.0)] == [4, 4, 4]


def test_the_centre_comes_first_also_before_one_that_is_as_good_as_the_same():
    at = np.radians([0.0, 3.0, 62.0])

    (group,) = communities(directions(np.stack([np.cos(at), np.sin(at)], axis=1)), 0.5)

    assert (group.members, group.similarities) == ([1, 0, 2], [1.0, 1.0, 0.52])


def test_a_vector_of_zeros_is_like_nothing():
    groups = communities(directions([[1, 0], [0, 0], [1, 0], [0, 0]]), 0.01)

    assert [group.members for group in groups] == [[0, 2], [1], [3]]


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_a_direction_has_length_1_however_long_the_vector_is(scale):
    assert direction([3 * scale, 4 * scale]).tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("vector", [None, 1.0, [], [[1.0]], "text", {"a": 1}, [1.0, "b"]])
def test_what_is_no_vector_has_no_direction(vector):
    with pytest.raises((TypeError, ValueError)):
        direction(vector)


@pytest.mark.parametrize(
    ("threshold", "below", "above"), [(0.6, 0.5949, 0.5951), (0.29, 0.2849, 0.2851), (1.0, 0.9949, 0.9951)]
)
def test_what_is_shown_is_what_is_compared(threshold, below, above):
    assert shown(below) < threshold - 1e-9 and below < least(threshold)
    assert shown(above) >= threshold - 1e-9 and above >= least(threshold)


def test_no_threshold_is_so_low_that_it_takes_what_is_like_nothing():
    assert least(5e-324) > 0


def test_a_threshold_that_compares_too_much_is_refused_with_the_lowest_that_does_not():
    vectors = planted(4, 10)

    with pytest.raises(ThresholdTooLow) as refused:
        communities(vectors, 0.01, most_pairs=100)

    enough = refused.value.enough
    assert len(communities(vectors, enough, most_pairs=100)) > 4
    with pytest.raises(ThresholdTooLow):
        communities(vectors, enough - 0.02, most_pairs=90)


@settings(deadline=None)
@given(vectors=VECTORS, threshold=THRESHOLDS, most=st.integers(0, 200), cells=st.sampled_from([5, 50, 1 << 22]))
def test_the_threshold_that_a_refusal_names_would_do(vectors, threshold, most, cells):
    with small_blocks(cells):
        try:
            communities(directions(vectors), threshold, most_pairs=most)
        except ThresholdTooLow as error:
            assert error.enough > threshold - 1e-9
            communities(directions(vectors), error.enough, most_pairs=most)


def test_where_all_are_the_same_only_a_threshold_of_1_would_do():
    vectors = directions([[1.0, 2.0]] * 50)

    with pytest.raises(ThresholdTooLow) as refused:
        communities(vectors, 0.6, most_pairs=10)

    assert refused.value.enough == 1.0
    assert [len(group.members) for group in communities(vectors, 1.0, most_pairs=10)] == [50]


def test_memory_does_not_grow_with_the_pairs():
    vectors = planted(40, 100)
    tracemalloc.start()
    try:
        communities(vectors, 0.6)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < len(vectors) ** 2 * 4 * 0.6  # of a table of all pairs


def test_it_ends_between_two_blocks_when_nobody_waits_any_more():
    def gone():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        communities(planted(2, 2), 0.6, check=gone)


def test_records_may_be_missing_among_the_numbers():
    vectors = {3: direction([1, 0]), 5: direction([0, 1]), 9: direction([1, 0.1])}

    found = module.communities_of(vectors, 0.9, lambda: None)

    assert [group.members for group in found] == [[3, 9], [5]]


def test_no_record_makes_no_group():
    assert module.communities_of({}, 0.6, lambda: None) == []
