"""A number that JSON cannot spell leaves as an error of its record, never as null."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from broker.common.numbers.finite import NOT_FINITE, is_finite
from broker.messages import ModelCard
from server.codecs.contract import Piece, Plan
from server.codecs.encoding import decode
from server.codecs.passthrough import PassthroughCodec
from server.errors import Problem

NAN, INFINITE = float("nan"), float("inf")


def answer(output: Any) -> dict[str, Any] | Problem:
    codec = PassthroughCodec(ModelCard(name="m", task="custom", codec="passthrough", revision="1"), {})
    return decode(codec, Plan(pieces=(Piece(input="x", cost=1),)), [output])


@pytest.mark.parametrize(
    "output",
    [NAN, INFINITE, -INFINITE, {"score": NAN}, [[1.0, {"deep": (INFINITE,)}]], array("f", [1.0, NAN]), [1, "a", NAN]],
    ids=repr,
)
def test_an_output_that_is_not_finite_is_a_model_error(output: Any) -> None:
    problem = answer(output)

    assert isinstance(problem, Problem)
    assert (problem.code, problem.status, problem.detail) == ("model_error", 500, NOT_FINITE)


@pytest.mark.parametrize(
    "output", [None, 1e308, [1e308, 1e308], {"a": [None, True, "nan"]}, array("f", [3.4e38, 3.4e38]), 10**30], ids=repr
)
def test_every_other_output_is_handed_out(output: Any) -> None:
    assert not isinstance(answer(output), Problem)


def test_nesting_deeper_than_the_stack_is_looked_through() -> None:
    deep: Any = NAN
    for _ in range(100_000):
        deep = [deep]

    assert not is_finite(deep)
