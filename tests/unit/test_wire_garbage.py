"""Bytes from outside: garbage is a `WireError` and nothing else, and no body blows up memory."""

from __future__ import annotations

import tracemalloc
from array import array
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import body, wire
from broker.errors import WireError
from broker.messages import Job, Limits, ModelCard, Presence, Result

patient = settings(deadline=None, max_examples=300)  # no deadline: a busy machine is no failure
DECODERS: list[Callable[[bytes], Any]] = [wire.decode_job, wire.decode_frame, wire.decode_card, wire.decode_presence]
HEADER = wire.encode_job(Job(id="a" * 32, front_end="b" * 16, input=None))[: wire.HEADER]
HONEST = [
    wire.encode_job(Job(id="a" * 32, front_end="b" * 16, input=[1, "two"])),
    wire.encode_results([Result(job_id="a" * 32, output={"x": [1]})]),
    wire.encode_card(ModelCard(name="toy", task="t", codec="text", revision="r")),
    wire.encode_presence(Presence(batcher="b", model="toy@r")),
]
BODIES = st.binary(max_size=60) | st.recursive(
    st.none() | st.integers(0, 9) | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
).map(msgpack.packb)


def decode_or_refuse(decode: Callable[[bytes], Any], data: bytes) -> None:
    try:
        decode(data)
    except WireError:
        return


@patient
@given(st.sampled_from(DECODERS), st.sampled_from([b"", HEADER, b"1R", b"1F", b"1P"]), BODIES)
def test_garbage_is_a_wire_error_and_nothing_else(decode: Callable[[bytes], Any], start: bytes, body: bytes) -> None:
    decode_or_refuse(decode, start + body)


@patient
@given(st.integers(0, 3), st.data())
def test_one_wrong_byte_is_a_wire_error_or_goes_unseen(which: int, data: st.DataObject) -> None:
    spoiled = bytearray(HONEST[which])
    spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))

    decode_or_refuse(DECODERS[which], bytes(spoiled))


@pytest.mark.parametrize("which", range(4))
def test_bytes_cut_short_are_a_wire_error(which: int) -> None:
    for end in range(len(HONEST[which])):
        with pytest.raises(WireError):
            DECODERS[which](HONEST[which][:end])


@patient
@given(st.binary(max_size=120))
def test_the_address_and_id_of_garbage_are_text(data: bytes) -> None:
    assert isinstance(wire.job_id(data) + wire.front_end_of(data), str)


UNHASHABLE_KEY = b"\x81\x90\x01"  # {[]: 1}
BODIES_OF_MALICE = [
    pytest.param(UNHASHABLE_KEY, id="a list as a map's key"),
    pytest.param(b"\xc1", id="the byte that msgpack never uses"),
    pytest.param(b"\xa1\xff", id="text that is not UTF-8"),
    pytest.param(b"\x01\x02", id="more than one value"),
    pytest.param(b"\xd4\x63\x00", id="an unknown extension"),
    pytest.param(b"\xc7\x03\x01abc", id="an array of three quarters of a number"),
    pytest.param(b"\xc7\x05\xff12345", id="a timestamp of odd width"),
    pytest.param(b"\x91" * 5_000 + b"\x90", id="lists nested five thousand deep"),
    pytest.param(b"\xdd\x7f\xff\xff\xff", id="a list that claims two thousand million elements"),
    pytest.param(b"\xdf\x7f\xff\xff\xff", id="a map that claims as many"),
    pytest.param(b"\xc6\x7f\xff\xff\xff", id="bytes that claim two gigabytes"),
]


@pytest.mark.parametrize("body", BODIES_OF_MALICE)
def test_a_malicious_body_is_a_wire_error(body: bytes) -> None:
    for decode, start in zip((*DECODERS, wire.decode_frame), (HEADER, b"1R", b"", b"", b"1F"), strict=True):
        with pytest.raises(WireError):
            decode(start + body)


@pytest.mark.parametrize("speed", [{"colour": 1}, {"fixed": 1.0, "per_job": 2.0, "x": 3}, {1: 2}, [1], "fast"])
def test_a_presence_whose_speed_is_something_else_is_a_wire_error_or_goes_unseen(speed: Any) -> None:
    decode_or_refuse(wire.decode_presence, msgpack.packb({"batcher": "b", "model": "m@r", "speed": speed}))


@pytest.mark.parametrize("element", [b"\x80", b"\x90", b"\xa0"], ids=["maps", "lists", "texts"])
def test_a_megabyte_of_empty_things_is_refused_before_it_fills_memory(element: bytes) -> None:
    count = (1 << 20) + 1
    bomb = HEADER + b"\xdd" + count.to_bytes(4, "big") + element * count
    tracemalloc.start()

    with pytest.raises(WireError):
        wire.decode_job(bomb)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("element", [b"\x80", b"\x90"], ids=["maps", "lists"])
def test_a_megabyte_of_empty_things_in_lists_of_fewer_is_refused_too(element: bytes) -> None:
    bomb = HEADER + b"\xdc\x00\x10" + (b"\xdc\xff\xff" + element * 0xFFFF) * 16
    tracemalloc.start()

    with pytest.raises(WireError):
        wire.decode_job(bomb)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"max_batch_size", b"many"), (b"max_wait", b""), (b"max_wait", b"\xff"), (b"\xff", b"1"), (b"version", b"1.5")],
)
def test_live_limits_that_are_not_numbers_are_a_wire_error(name: bytes, value: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode_limits({name: value}, Limits())


def test_live_limits_change_only_what_they_name() -> None:
    entry = {b"max_wait": b"0.25", b"policy": b"fixed", b"colour": b"red"}

    assert wire.decode_limits(entry, Limits()) == Limits(max_wait=0.25, policy="fixed")


def test_no_entry_means_no_live_limits() -> None:
    assert wire.decode_limits({}, Limits()) is None


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

    with pytest.raises(ValueError):
        body.unpack(body.pack(value))


def test_what_the_other_side_would_refuse_cannot_travel() -> None:
    assert body.can_travel([0] * body.MAX_ITEMS)
    assert not body.can_travel([0] * (body.MAX_ITEMS + 1))
    assert not body.can_travel([[]] * body.MAX_CONTAINERS)


def test_keys_that_are_numbers_travel() -> None:
    assert body.unpack(body.pack({1: "a"})) == {1: "a"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("cost", b"-000009"), ("cost", b"1_000_0"), ("cost", b" 000009"), ("cost", b"    nan"), ("attempts", b" ")],
)
def test_a_header_s_number_is_digits_and_nothing_else(field: str, value: bytes) -> None:
    first = {"attempts": 3, "cost": 4}[field]
    data = HONEST[0][:first] + value + HONEST[0][first + len(value) :]

    with pytest.raises(WireError):
        wire.decode_job(data)


ROW = {"id": "a" * 32, "output": 1, "queue": 0.0, "window": 0.0, "compute": 0.0, "batch_size": 1}
FAILURE = {"id": "a" * 32, "code": "expired", "message": "late"}


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (b"1R", ROW | {"id": ["a"]}),
        (b"1R", ROW | {"id": 5}),
        (b"1R", ROW | {"queue": "soon"}),
        (b"1R", ROW | {"window": None}),
        (b"1R", ROW | {"compute": float("nan")}),
        (b"1R", ROW | {"batch_size": {}}),
        (b"1R", ROW | {"batch_size": -1}),
        (b"1F", FAILURE | {"id": {"a": 1}}),
        (b"1F", FAILURE | {"message": [1]}),
        (b"1F", FAILURE | {"code": "unheard of"}),
        (b"1F", FAILURE | {"code": []}),
    ],
)
def test_an_outcome_with_a_field_of_another_kind_is_a_wire_error(kind: bytes, row: Any) -> None:
    with pytest.raises(WireError):
        wire.decode_frame(kind + msgpack.packb([row]))


CARD = {"name": "toy", "task": "t", "codec": "text", "revision": "r"}


@pytest.mark.parametrize(
    "change",
    [
        {"name": 5},
        {"task": []},
        {"revision": None},
        {"max_cost": "many"},
        {"max_cost": -1},
        {"max_cost": True},
        {"languages": 3},
        {"languages": "en"},
        {"labels": [1]},
        {"artifacts": ["a"]},
        {"artifacts": {"a": 1}},
        {"options": []},
        {"options": {1: 2}},
        {"description": b"x"},
    ],
)
def test_a_card_with_a_field_of_another_kind_is_a_wire_error(change: dict[str, Any]) -> None:
    assert wire.decode_card(msgpack.packb(CARD)).name == "toy"

    with pytest.raises(WireError):
        wire.decode_card(msgpack.packb(CARD | change))


@pytest.mark.parametrize(
    "change",
    [{"room": -1}, {"room": "big"}, {"model": {}}, {"speed": {"fixed": float("inf")}}, {"speed": {"per_job": "1"}}],
)
def test_a_presence_with_a_field_of_another_kind_is_a_wire_error(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        wire.decode_presence(msgpack.packb({"batcher": "b", "model": "m@r"} | change))


@pytest.mark.parametrize(
    "fields",
    [{"name": "Toy"}, {"name": "a b"}, {"name": ""}, {"revision": "r\r\nSet-Cookie: x=1"}, {"revision": "é"}],
    ids=str,
)
def test_a_card_whose_name_or_revision_would_not_fit_a_header_is_refused(fields: dict[str, str]) -> None:
    card = ModelCard(**({"name": "toy", "task": "t", "codec": "text", "revision": "r"} | fields))

    with pytest.raises(WireError, match="plain characters"):
        wire.decode_card(wire.encode_card(card))
