"""A body: what may travel, what is refused before it does, and the bounds of what is unpacked."""

from __future__ import annotations

from array import array
from typing import Any

import msgpack
import pytest

from broker import body, wire
from broker.messages import Result


@pytest.mark.parametrize(
    ("bound", "value"),
    [
        ("MAX_ITEMS", [0] * 11),
        ("MAX_ITEMS", dict.fromkeys(range(11))),
        ("MAX_CONTAINERS", [[]] * 10),
        ("MAX_CONTAINERS", [{}] * 10),
        ("MAX_BYTES", "x" * 11),
        ("MAX_BYTES", b"x" * 11),
        ("MAX_BYTES", array("i", [1, 2, 3])),
    ],
    ids=["array", "map", "arrays", "maps", "text", "bytes", "numbers"],
)
def test_every_bound_of_a_body_binds(monkeypatch: pytest.MonkeyPatch, bound: str, value: Any) -> None:
    monkeypatch.setattr(body, bound, 10)
    monkeypatch.setattr(body, "UNCOUNTED", 0)

    with pytest.raises(ValueError):
        body.unpack(body.pack(value))


@pytest.mark.parametrize(
    "value",
    [[0] * 10, dict.fromkeys(range(10)), [[]] * 9, [{}] * 9, "x" * 10, b"x" * 10, array("i", [1, 2])],
    ids=["array", "map", "arrays", "maps", "text", "bytes", "numbers"],
)
def test_what_fills_a_bound_exactly_is_read(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    for bound in ("MAX_ITEMS", "MAX_CONTAINERS", "MAX_BYTES"):
        monkeypatch.setattr(body, bound, 10)
    monkeypatch.setattr(body, "UNCOUNTED", 0)

    assert body.unpack(body.pack(value)) == value


def test_only_a_packer_that_has_packed_much_is_replaced() -> None:
    body.pack(b"x" * body.MAX_KEPT)  # the one of before may have to go for it
    packer = body._packers.packer
    as_large_as_may_be, larger = b"x" * (body.MAX_KEPT - 5), b"x" * (body.MAX_KEPT - 4)  # a head of five bytes

    body.pack(as_large_as_may_be)
    assert body._packers.packer is packer
    body.pack(larger)
    assert body._packers.packer is not packer


@pytest.mark.parametrize("value", [[1, 2, object()], {"a": [1, 1 << 80]}, ["x\ud800"]], ids=["kind", "number", "text"])
def test_what_cannot_be_packed_leaves_nothing_for_the_next(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        body.pack(value)

    assert body.unpack(body.pack([1])) == [1]


def test_what_the_other_side_would_refuse_cannot_travel() -> None:
    assert not body.obstacle([0] * body.MAX_ITEMS)
    assert body.obstacle([0] * (body.MAX_ITEMS + 1))
    assert body.obstacle([[]] * body.MAX_CONTAINERS)


def test_keys_that_are_numbers_travel() -> None:
    assert body.unpack(body.pack({1: "a"})) == {1: "a"}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def depth_of(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        value, depth = value[0], depth + 1
    return depth


DEEPEST = 1024  # as msgpack goes
UNREADABLE = [
    pytest.param({(1, 2): "b"}, id="a map's key that no map can have on the other side"),
    pytest.param({"a": {("x",): 1}}, id="the same, deep inside"),
    pytest.param([{(): 1}], id="an empty tuple as a key"),
    pytest.param(msgpack.ExtType(5, b"x"), id="an extension that nobody knows"),
    pytest.param([1, msgpack.ExtType(1, b"abc")], id="three quarters of a number"),
    pytest.param("\ud800", id="half a character"),
    pytest.param(nested(DEEPEST + 1), id="lists nested too deep"),
    pytest.param(1 << 64, id="a number too large"),
    pytest.param(array("d", [1.0]), id="numbers of a kind that does not travel"),
]


@pytest.mark.parametrize("output", UNREADABLE)
def test_what_would_not_be_read_is_found_before_it_travels(output: Any) -> None:
    assert body.obstacle(output) == body.CANNOT_TRAVEL


def test_whatever_can_travel_alone_can_travel_in_a_frame() -> None:
    assert not body.obstacle(nested(DEEPEST))

    [result] = wire.decode_frame(wire.encode_results([Result(job_id="a", output=nested(DEEPEST))]))

    assert isinstance(result, Result)
    assert depth_of(result.output) == DEEPEST


def test_an_output_as_large_as_the_bound_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_OUTPUT", 100)

    assert not body.obstacle(b"x" * 98)
    assert not body.obstacle(array("i", [0] * 25))
    assert not body.obstacle("x" * 100)


@pytest.mark.parametrize(
    "output", ["x" * 101, b"x" * 101, [0] * 101, array("i", [0] * 26)], ids=lambda one: type(one).__name__
)
def test_an_output_above_the_bound_cannot_travel_and_is_told_so(monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    monkeypatch.setattr(body, "MAX_OUTPUT", 100)

    assert body.obstacle(output) == body.TOO_LARGE
    assert "32 MiB" in body.TOO_LARGE
