"""Bytes from outside: garbage is a `WireError` and nothing else, and no body blows up memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import header, registry, wire
from broker.errors import WireError
from broker.messages import Job, ModelCard, Presence, Result

patient = settings(deadline=None, max_examples=300)  # no deadline: a busy machine is no failure
Decoder = Callable[[bytes], Any]
DECODERS: list[Decoder] = [wire.decode_job, wire.decode_frame, registry.decode_card, registry.decode_presence]
HEADER = wire.encode_job(Job(id="a" * 32, front_end="b" * 16, input=None))[: header.SIZE]
STARTS = [b"", HEADER, wire.FRAME_RESULTS, wire.FRAME_FAILURES, wire.FRAME_POISON]
HONEST = [
    wire.encode_job(Job(id="a" * 32, front_end="b" * 16, input=[1, "two"])),
    wire.encode_results([Result(job_id="a" * 32, output={"x": [1]})]),
    registry.encode_card(ModelCard(name="toy", task="t", codec="text", revision="r")),
    registry.encode_presence(Presence(batcher="b", model="toy@r")),
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
@given(st.sampled_from(DECODERS), st.sampled_from(STARTS), BODIES)
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
    assert isinstance(header.text(data, "id") + header.text(data, "front_end"), str)


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
    for decode, start in zip((*DECODERS, wire.decode_frame), (HEADER, STARTS[2], b"", b"", STARTS[3]), strict=True):
        with pytest.raises(WireError):
            decode(start + body)


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
    ("field", "value"),
    [("cost", b"-000009"), ("cost", b"1_000_0"), ("cost", b" 000009"), ("cost", b"    nan"), ("attempts", b" ")],
)
def test_a_header_s_number_is_digits_and_nothing_else(field: str, value: bytes) -> None:
    first = {"attempts": 3, "cost": 4}[field]
    data = HONEST[0][:first] + value + HONEST[0][first + len(value) :]

    with pytest.raises(WireError):
        wire.decode_job(data)
