"""Means, unit vectors, and numbers as short as they can be."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.codecs.vectors import mean, shortest, unit


def test_the_mean_is_weighted() -> None:
    assert mean([[1.0, 0.0], [0.0, 4.0]], [3, 1]) == [0.75, 1.0]


@pytest.mark.parametrize(("vectors", "weights"), [([[1.0], [1.0, 2.0]], [1, 1]), ([[1.0]], [1, 1])])
def test_vectors_that_do_not_match_are_an_error(vectors: list[list[float]], weights: list[int]) -> None:
    with pytest.raises(ValueError, match=r"argument|weights"):
        mean(vectors, weights)


@pytest.mark.parametrize(("vector", "expected"), [([3.0, 4.0], [0.6, 0.8]), ([0.0, 0.0], [0.0, 0.0])])
def test_a_unit_vector_has_length_one_or_none(vector: list[float], expected: list[float]) -> None:
    assert unit(vector) == expected


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_spelling_is_the_same_float32(number: float) -> None:
    assert array("f", [shortest(number)]) == array("f", [number])


@pytest.mark.parametrize("number", [0.9, 0.1, 1.0, 0.998877, 1e-7])
def test_the_shortest_spelling_is_the_one_a_person_would_write(number: float) -> None:
    assert shortest(array("f", [number])[0]) == number
