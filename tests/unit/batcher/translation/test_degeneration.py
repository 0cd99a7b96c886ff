"""The loop guard: what counts as one phrase over and over, and as an answer that is none."""

from __future__ import annotations

from array import array

import pytest

from batcher.models.translation.search.degeneration import is_cyclic, is_degenerate


def repeated(period: int, count: int = 24) -> list[int]:
    """`count` tokens of a phrase of `period`."""
    return [10 + place % period for place in range(count)]


@pytest.mark.parametrize("period", range(1, 9))
@pytest.mark.parametrize("kind", [list, tuple, lambda tokens: array("i", tokens)], ids=["list", "tuple", "array"])
def test_a_phrase_over_and_over_is_a_cycle(period: int, kind: type) -> None:
    assert is_cyclic(kind([5, 6, 7, *repeated(period)]))


@pytest.mark.parametrize(
    "tokens",
    [
        pytest.param([], id="nothing"),
        pytest.param(list(range(40)), id="all different"),
        pytest.param(repeated(3, 23), id="not long enough yet"),
        pytest.param([5, *repeated(3, 23)], id="one token short of it"),
        pytest.param(repeated(9, 40), id="a phrase too long to be noise"),
        pytest.param([*repeated(2, 40), 99], id="it has found its way out"),
        pytest.param([*repeated(4, 22), 99, 10], id="a slip near the end"),
        pytest.param([*range(12), *range(12)], id="one sentence said twice"),
    ],
)
def test_what_is_no_cycle(tokens: list[int]) -> None:
    assert not is_cyclic(tokens)


@pytest.mark.parametrize(
    ("source", "answer", "degenerate"),
    [
        pytest.param([5, 6], [7], False, id="an answer"),
        pytest.param([5, 6], [], True, id="nothing, for something"),
        pytest.param([], [], False, id="nothing, for nothing"),
        pytest.param([], [7], False, id="something, for nothing"),
        pytest.param([5, 6], repeated(2), True, id="a cycle, for a text"),
        pytest.param(repeated(1, 40), repeated(2), False, id="a cycle, for a cycle"),
        pytest.param(repeated(1, 40), [], True, id="nothing, for a cycle"),
    ],
)
def test_a_degenerate_answer_is_one_that_its_source_does_not_explain(
    source: list[int], answer: list[int], degenerate: bool
) -> None:
    assert is_degenerate(source, answer) is degenerate
