"""What leaves as JSON is what msgspec would have written, to whoever reads it: two writers, one meaning."""

from __future__ import annotations

import json
import math
from array import array
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.json import to_json

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(texts, inner, max_size=4),
)


@given(values)
def test_it_means_what_msgspec_writes(value: Any) -> None:
    assert json.loads(to_json(value)) == json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("number", [1e16, 5e-324, 1.7976931348623157e308, 0.1, 1 / 3, array("f", [0.1])[0]], ids=repr)
def test_a_float_is_read_again_as_it_was(number: float) -> None:
    assert json.loads(to_json([number])) == [number]


def test_zero_keeps_its_sign() -> None:
    assert math.copysign(1.0, json.loads(to_json(-0.0))) == -1.0


def nested(levels: int) -> Any:
    value: Any = "deep"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(2**64 - 1, id="the largest integer of 64 bits"),
        pytest.param(2**64, id="the next one"),
        pytest.param(-(2**63) - 1, id="one below the smallest"),
        pytest.param({"row": {"count": 10**30}}, id="a large one inside"),
        pytest.param({7: "seven", 0.5: "half"}, id="numbers as keys"),
        pytest.param(nested(254), id="as deep as the fast one goes"),
        pytest.param(nested(255), id="deeper"),
        pytest.param("\x00\x1f\x7f\u2028/\U0001f9d1 日本", id="characters that are escaped, or need not be"),
        pytest.param(b"\x00\xff", id="bytes"),
    ],
)
def test_what_only_one_of_them_writes_is_written(value: Any) -> None:
    assert json.loads(to_json(value)) == json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param("half a pair: \ud800", UnicodeEncodeError, id="half a surrogate pair"),
        pytest.param({"\udfff": 1}, UnicodeEncodeError, id="half a pair in a key"),
        pytest.param(array("f", [1.0]), TypeError, id="an array, which a codec should have made a list of"),
        pytest.param({None: 1}, TypeError, id="a key that is no text and no number"),
        pytest.param(object(), TypeError, id="what is no data"),
        pytest.param(nested(100_000), RecursionError, id="deeper than the stack"),
    ],
)
def test_what_neither_can_write_is_an_error(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        to_json(value)
