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
from broker.messages import Failure, FailureCode, Job, Limits, ModelCard, Presence, Result

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
@given(st.sampled_from(DECODERS), st.sampled_from([b"", HEADER, b"1O", b"1R", b"1F", b"1P"]), BODIES)
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
    for decode, start in zip((*DECODERS, wire.decode_frame), (HEADER, b"1O", b"", b"", b"1F"), strict=True):
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
    monkeypatch.setattr(body, "UNCOUNTED", 0)

    with pytest.raises(ValueError):
        body.unpack(body.pack(value))


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


@pytest.mark.parametrize(
    ("field", "value"),
    [("cost", b"-000009"), ("cost", b"1_000_0"), ("cost", b" 000009"), ("cost", b"    nan"), ("attempts", b" ")],
)
def test_a_header_s_number_is_digits_and_nothing_else(field: str, value: bytes) -> None:
    first = {"attempts": 3, "cost": 4}[field]
    data = HONEST[0][:first] + value + HONEST[0][first + len(value) :]

    with pytest.raises(WireError):
        wire.decode_job(data)


ROW = {"id": "a" * 32, "output": b"\x01", "queue": 0.0, "window": 0.0, "compute": 0.0, "batch_size": 1}
FAILURE = {"id": "a" * 32, "code": "expired", "message": "late"}
BAD_ROWS = [
    (b"1O", {"queue": "soon"}),
    (b"1O", {"window": None}),
    (b"1O", {"compute": float("nan")}),
    (b"1O", {"batch_size": {}}),
    (b"1O", {"batch_size": -1}),
    (b"1O", {"output": 1}),
    (b"1O", {"output": b""}),
    (b"1O", {"output": b"\xc1"}),
    (b"1O", {"output": UNHASHABLE_KEY}),
    (b"1O", {"output": b"\xdc\xff\xff" + b"\x80" * 0xFFFF + b"\x01"}),
    (b"1F", {"message": [1]}),
    (b"1F", {"code": []}),
]


def frame(kind: bytes, *rows: Any) -> bytes:
    return kind + msgpack.packb(rows)


def kinds(outcomes: list[Any]) -> list[tuple[str, str]]:
    return [(one.job_id, one.code if isinstance(one, Failure) else "result") for one in outcomes]


@pytest.mark.parametrize(("kind", "change"), BAD_ROWS)
def test_a_row_that_cannot_be_read_fails_its_own_job_and_no_other(kind: bytes, change: dict[str, Any]) -> None:
    good, lost = ROW if kind == b"1O" else FAILURE, []
    rows = [good | {"id": "1"}, good | {"id": "2"} | change, good | {"id": "3"}]

    outcomes = wire.decode_frame(frame(kind, *rows), on_loss=lost.append)

    code = "result" if kind == b"1O" else "expired"
    assert kinds(outcomes) == [("1", code), ("2", "model_error"), ("3", code)]
    assert lost == ["2"]


@pytest.mark.parametrize("row", [5, None, [], "row", {}, {"id": 5}, {"id": ["a"]}, {"id": None}, {1: 2}])
@pytest.mark.parametrize("kind", [b"1O", b"1F"])
def test_a_row_without_an_id_costs_no_other_row_and_is_told(kind: bytes, row: Any) -> None:
    good, lost = ROW if kind == b"1O" else FAILURE, []

    outcomes = wire.decode_frame(frame(kind, row, good), on_loss=lost.append)

    assert ([one.job_id for one in outcomes], lost) == (["a" * 32], [""])


@pytest.mark.parametrize("rows", [5, {}, "rows", None])
def test_a_frame_without_rows_is_a_wire_error(rows: Any) -> None:
    with pytest.raises(WireError):
        wire.decode_frame(b"1O" + msgpack.packb(rows))


def test_a_failure_of_an_unknown_code_is_a_model_error_with_its_own_message() -> None:
    [failure] = wire.decode_frame(frame(b"1F", FAILURE | {"code": "out_of_cheese", "message": "no cheese"}))

    assert failure == Failure(job_id="a" * 32, code=FailureCode.MODEL_ERROR, message="no cheese")


@pytest.mark.parametrize(("kind", "good"), [(b"1O", ROW), (b"1F", FAILURE)])
def test_fields_that_are_unknown_cost_nobody(kind: bytes, good: dict[str, Any]) -> None:
    assert wire.decode_frame(frame(kind, good | {"colour": "red", 1: 2})) == wire.decode_frame(frame(kind, good))


def test_a_time_that_is_missing_costs_nobody() -> None:
    [result] = wire.decode_frame(frame(b"1O", {"id": "a", "output": b"\x01"}))

    assert result == Result(job_id="a", output=1)


ENTITIES = {"entities": [{"word": "a", "start": at} for at in range(1100)]}


def test_outputs_that_fit_alone_fit_together() -> None:
    outputs = [ENTITIES] * 64 + [[{}] * 40_000] * 2 + [array("f", [1.0])] * 8
    assert not any(map(body.obstacle, outputs))

    outcomes = wire.decode_frame(wire.encode_results([Result(job_id="a", output=one) for one in outputs]))

    assert [one.output for one in outcomes if isinstance(one, Result)] == outputs


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
]


@pytest.mark.parametrize("output", UNREADABLE)
def test_what_would_not_be_read_is_found_before_it_travels(output: Any) -> None:
    assert body.obstacle(output) == body.CANNOT_TRAVEL


def test_whatever_can_travel_alone_can_travel_in_a_frame() -> None:
    assert not body.obstacle(nested(DEEPEST))

    [result] = wire.decode_frame(wire.encode_results([Result(job_id="a", output=nested(DEEPEST))]))

    assert isinstance(result, Result)
    assert depth_of(result.output) == DEEPEST


@pytest.mark.parametrize(
    "output", ["x" * 101, b"x" * 101, [0] * 101, array("i", [0] * 26)], ids=lambda one: type(one).__name__
)
def test_an_output_above_the_bound_cannot_travel_and_is_told_so(monkeypatch: pytest.MonkeyPatch, output: Any) -> None:
    monkeypatch.setattr(body, "MAX_OUTPUT", 100)

    assert body.obstacle(output) == body.TOO_LARGE
    assert "32 MiB" in body.TOO_LARGE


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
