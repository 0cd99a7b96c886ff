"""Messages ⇄ bytes: what goes in comes out, golden bytes stay, and garbage is only ever a `WireError`."""

from __future__ import annotations

from array import array
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import errors, wire
from broker.body import pack
from broker.messages import (
    Failure,
    FailureCode,
    Job,
    Lane,
    Limits,
    ModelCard,
    Presence,
    Result,
    Speed,
    Timing,
)

HEX = "0123456789abcdef"
patient = settings(deadline=None)  # a busy machine is no failure
GOLDEN_JOB = Job(
    id="0123456789abcdef0123456789abcdef",
    front_end="fedcba9876543210",
    input={"ids": array("i", [5, -1]), "lang": "ja"},
    cost=17,
    lane=Lane.BULK,
    attempts=2,
    admitted=1700000000.123,
    deadline=1700000060.5,
)
GOLDEN_HEADER = b"1sb2000001717000000001231700000060500fedcba9876543210" + GOLDEN_JOB.id.encode()
GOLDEN_BODY = b"\x81\xa5input\x82\xa3ids\xd7\x01\x05\x00\x00\x00\xff\xff\xff\xff\xa4lang\xa2ja"

ids = st.text(HEX, min_size=32, max_size=32)
times = st.integers(0, 9_999_999_999_999).map(lambda ms: ms / 1000)
finite = st.floats(allow_nan=False, allow_infinity=False)
seconds = st.floats(-1e9, 1e9)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), finite, st.text(), st.binary()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=4),
    max_leaves=10,
)
token_ids = st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50).map(lambda ids: array("i", ids))
vectors = st.lists(st.floats(width=32, allow_nan=False), max_size=50).map(lambda numbers: array("f", numbers))
values = plain | token_ids | vectors | st.lists(token_ids, max_size=3)
jobs = st.builds(
    Job,
    id=ids,
    front_end=st.text(HEX, min_size=16, max_size=16),
    input=values,
    cost=st.integers(0, wire.MAX_COST),
    lane=st.sampled_from(Lane),
    attempts=st.integers(0, 9),
    admitted=times,
    deadline=times,
    meta=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)
timings = st.builds(Timing, queue=seconds, window=seconds, compute=seconds, batch_size=st.integers(1, 256))
results = st.builds(Result, job_id=ids, output=values, timing=timings)
failures = st.builds(Failure, job_id=ids, code=st.sampled_from(FailureCode), message=st.text(max_size=50))
words = st.text(max_size=10)
slugs = st.text("abz09._-", min_size=1, max_size=20)
cards = st.builds(
    ModelCard,
    name=slugs,
    task=words,
    codec=words,
    revision=slugs,
    max_cost=st.integers(1, 10**6),
    labels=st.lists(words, max_size=3),
    languages=st.lists(words, max_size=3),
    artifacts=st.dictionaries(words, words, max_size=3),
    options=st.dictionaries(words, plain, max_size=3),
    description=words,
)
presences = st.builds(
    Presence,
    batcher=words,
    model=words,
    speed=st.builds(Speed, fixed=finite, per_job=finite),
    room=st.integers(0, 256),
    host=words,
)


@patient
@given(jobs)
def test_a_job_survives_the_journey(job: Job) -> None:
    there_and_back = wire.decode_job(wire.encode_job(job))

    assert (there_and_back.input, there_and_back.meta) == (job.input, job.meta)
    assert (there_and_back.id, there_and_back.front_end, there_and_back.lane) == (job.id, job.front_end, job.lane)
    assert (there_and_back.cost, there_and_back.attempts) == (job.cost, job.attempts)
    assert there_and_back.admitted == pytest.approx(job.admitted, abs=0.0011)
    assert there_and_back.deadline == pytest.approx(job.deadline, abs=0.0011)


@patient
@given(jobs)
def test_every_header_has_the_same_width(job: Job) -> None:
    body = {"input": job.input} | ({"meta": job.meta} if job.meta else {})

    assert wire.encode_job(job)[wire.HEADER :] == pack(body)


def test_a_field_of_a_job_that_is_unknown_is_ignored() -> None:
    data = GOLDEN_HEADER + pack({"colour": "red", "input": GOLDEN_JOB.input, 1: 2})

    assert wire.decode_job(data) == GOLDEN_JOB


@pytest.mark.parametrize("body", [{"meta": {}}, {"input": 1, "meta": {"a": 1}}, {"input": 1, "meta": ["a"]}, [1], 1])
def test_a_body_without_input_or_with_meta_of_another_kind_is_a_wire_error(body: Any) -> None:
    with pytest.raises(errors.WireError):
        wire.decode_job(GOLDEN_HEADER + pack(body))


def test_the_bytes_of_a_job_stay_as_they_are() -> None:
    assert wire.encode_job(GOLDEN_JOB) == GOLDEN_HEADER + GOLDEN_BODY
    assert wire.decode_job(GOLDEN_HEADER + GOLDEN_BODY) == GOLDEN_JOB


def test_scripts_read_the_header_at_these_positions() -> None:
    data = wire.encode_job(GOLDEN_JOB)

    assert [data[0:1], data[1:2], data[2:3], data[3:4]] == [b"1", b"s", b"b", b"2"]
    assert [int(data[4:11]), int(data[11:24]), int(data[24:37])] == [17, 1700000000123, 1700000060500]
    assert (wire.front_end_of(data), wire.job_id(data)) == (GOLDEN_JOB.front_end, GOLDEN_JOB.id)


@pytest.mark.parametrize(("cost", "written"), [(-5, b"0000000"), (0, b"0000000"), (10**9, b"9999999")])
def test_a_cost_beyond_the_header_is_cut_to_fit(cost: int, written: bytes) -> None:
    job = Job(id="a" * 32, front_end="b" * 16, input=None, cost=cost)

    assert wire.encode_job(job)[4:11] == written


def test_the_bytes_of_a_frame_of_results_stay_as_they_are() -> None:
    timing = Timing(queue=0.5, window=0.25, compute=2.0, batch_size=3)
    frame = (
        b"1O\x91\x86\xa2id\xa1a\xa6output\xc4\x06\xd6\x02\x00\x00\x80?\xa5queue\xcb?\xe0\x00\x00\x00\x00\x00\x00"
        b"\xa6window\xcb?\xd0\x00\x00\x00\x00\x00\x00\xa7compute\xcb@\x00\x00\x00\x00\x00\x00\x00\xaabatch_size\x03"
    )

    result = Result(job_id="a", output=array("f", [1.0]), timing=timing)

    assert wire.encode_results([result]) == frame
    assert wire.decode_frame(frame) == [result]


# Had both kinds one letter, a front end of the version before would take packed bytes for an output: tokens, numbers.
def test_a_frame_of_the_version_before_is_read_and_none_is_written_that_it_would_misread() -> None:
    row = {"id": "a", "output": array("f", [1.0]), "queue": 0.5, "window": 0.25, "compute": 2.0, "batch_size": 3}
    result = Result(
        job_id="a", output=array("f", [1.0]), timing=Timing(queue=0.5, window=0.25, compute=2.0, batch_size=3)
    )

    assert wire.decode_frame(b"1R" + pack([row])) == [result]
    assert not wire.encode_results([result]).startswith(b"1R")


def test_the_bytes_of_a_frame_of_failures_stay_as_they_are() -> None:
    failure = Failure(job_id="a", code=FailureCode.EXPIRED, message="late")
    frame = b"1F\x91\x83\xa2id\xa1a\xa4code\xa7expired\xa7message\xa4late"

    assert wire.encode_failures([failure]) == frame
    assert wire.decode_frame(frame) == [failure]


def test_a_frame_written_by_a_script_names_the_poisonous() -> None:
    outcomes = wire.decode_frame(b"1P" + b"a" * 32 + b"b" * 32)

    assert [outcome.job_id for outcome in outcomes] == ["a" * 32, "b" * 32]
    assert {(one.code, one.message) for one in outcomes if isinstance(one, Failure)} == {
        (FailureCode.POISON, wire.POISON_MESSAGE)
    }


@patient
@given(st.lists(results, max_size=4))
def test_a_frame_of_results_survives_the_journey(sent: list[Result]) -> None:
    assert wire.decode_frame(wire.encode_results(sent)) == sent


@patient
@given(st.lists(failures, max_size=4))
def test_a_frame_of_failures_survives_the_journey(sent: list[Failure]) -> None:
    assert wire.decode_frame(wire.encode_failures(sent)) == sent


@patient
@given(cards)
def test_a_card_survives_the_journey(card: ModelCard) -> None:
    assert wire.decode_card(wire.encode_card(card)) == card


@patient
@given(presences)
def test_a_presence_survives_the_journey(presence: Presence) -> None:
    assert wire.decode_presence(wire.encode_presence(presence)) == presence


def test_fields_of_a_later_version_are_ignored() -> None:
    card = ModelCard(name="toy", task="t", codec="text", revision="r1", labels=[], languages=[])
    row = msgpack.unpackb(wire.encode_card(card)) | {"colour": "red"}

    assert wire.decode_card(msgpack.packb(row)) == card


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, array("d", [1.0]), [object()]], ids=lambda value: type(value).__name__
)
def test_what_cannot_travel_is_refused_when_it_is_packed(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot travel"):
        pack(value)


@pytest.mark.parametrize(
    "entry",
    [{b"max_batch_size": b"0"}, {b"max_batch_size": b"257"}, {b"max_wait": b"nan"}, {b"policy": b"eager"}],
)
def test_live_limits_out_of_range_are_refused(entry: dict[bytes, bytes]) -> None:
    with pytest.raises(errors.WireError):
        wire.decode_limits(entry, Limits())
