"""Messages ⇄ bytes: what goes in comes out, and garbage is only ever a `WireError`."""

from __future__ import annotations

from array import array
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import errors, header, registry, wire
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
JOB = wire.encode_job(Job(id="a" * 32, front_end="b" * 16, input=[7]))
patient = settings(deadline=None)  # a busy machine is no failure
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
    cost=st.integers(0, header.MAX_COST),
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
    protocol=st.integers(0, 9),
    software=words,
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
@given(st.lists(jobs, max_size=3))
def test_jobs_that_are_encoded_together_are_what_each_is_alone(some):
    several = [one for job in some for one in (job, msgspec.structs.replace(job, id="f" * 32))]  # two share their meta

    assert wire.encode_jobs(several) == [wire.encode_job(job) for job in several]


@patient
@given(jobs)
def test_every_header_has_the_same_width(job: Job) -> None:
    body = {"input": job.input} | ({"meta": job.meta} if job.meta else {})

    assert wire.encode_job(job)[header.SIZE :] == pack(body)


NO_META = [{"a": 1}, {1: "a"}, {"a": None}, {"a": ["b"]}, ["a"], "a", 1, None]


def test_a_field_of_a_body_that_is_unknown_is_ignored() -> None:
    data = JOB[: header.SIZE] + pack({"colour": "red", "input": [7], 1: 2})

    assert wire.decode_job(data) == wire.decode_job(JOB)


@pytest.mark.parametrize("body", [{"meta": {}}, *({"input": 1, "meta": meta} for meta in NO_META), [1], 1])
def test_a_body_without_input_or_with_meta_of_another_kind_is_a_wire_error(body: Any) -> None:
    with pytest.raises(errors.WireError):
        wire.decode_job(JOB[: header.SIZE] + pack(body))


@pytest.mark.parametrize(
    ("field", "value"), [("version", b"1"), ("version", b"3"), ("version", b"5"), ("kind", b"a"), ("lane", b"x")]
)
def test_a_job_of_another_version_kind_or_lane_is_a_wire_error(field: str, value: bytes) -> None:
    data = bytearray(JOB)
    data[header.PLACES[field]] = value

    with pytest.raises(errors.WireError):
        wire.decode_job(bytes(data))


@pytest.mark.parametrize("lane", Lane)
def test_a_job_as_a_front_end_brings_it_has_the_same_header_as_any_other(lane: Lane) -> None:
    fresh = wire.encode_job(Job(id="a" * 32, front_end="b" * 16, input=[7], cost=17, lane=lane))
    claimed = wire.encode_job(Job(id="a" * 32, front_end="b" * 16, input=[7], cost=17, lane=lane, attempts=1))

    attempts = header.PLACES["attempts"]
    assert fresh[: attempts.start] + b"1" + fresh[attempts.stop :] == claimed


@pytest.mark.parametrize(("cost", "written"), [(-5, b"0000000"), (0, b"0000000"), (10**9, b"9999999")])
def test_a_cost_beyond_the_header_is_cut_to_fit(cost: int, written: bytes) -> None:
    job = Job(id="a" * 32, front_end="b" * 16, input=None, cost=cost)

    assert wire.encode_job(job)[header.PLACES["cost"]] == written


APART = wire.without_body(JOB)


def test_a_job_whose_body_lies_apart_is_read_with_it_and_says_how_large_it_is() -> None:
    assert (wire.lies_apart(APART), wire.lies_apart(JOB)) == (True, False)
    assert wire.decode_job(APART, JOB[header.SIZE :]) == wire.decode_job(JOB)
    assert wire.size_with_body(APART) == wire.size_with_body(JOB) == len(JOB)


@pytest.mark.parametrize("digits", [b"many", b"-000000001", b"1e99", b""])
def test_a_size_that_is_no_number_is_none(digits: bytes) -> None:
    assert wire.size_with_body(APART[: header.SIZE] + digits) == 0


@pytest.mark.parametrize(
    ("data", "body"),
    [
        pytest.param(APART, None, id="its body is not given"),
        pytest.param(JOB, JOB[header.SIZE :], id="it has a body of its own"),
        pytest.param(APART, b"\xc1", id="garbage"),
        pytest.param(APART, b"", id="nothing"),
    ],
)
def test_a_job_and_a_body_that_do_not_belong_together_are_a_wire_error(data: bytes, body: bytes | None) -> None:
    with pytest.raises(errors.WireError):
        wire.decode_job(data, body)


def test_a_body_of_sixteen_kibibytes_stands_behind_its_header_and_a_larger_one_lies_apart() -> None:
    assert wire.LARGE - header.SIZE == 16 * 1024


def test_a_frame_written_by_a_script_names_the_poisonous() -> None:
    outcomes = wire.decode_frame(wire.FRAME_POISON + b"a" * 32 + b"b" * 32)

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
    assert registry.decode_card(registry.encode_card(card)) == card


@patient
@given(presences)
def test_a_presence_survives_the_journey(presence: Presence) -> None:
    assert registry.decode_presence(registry.encode_presence(presence)) == presence


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
        registry.decode_limits(entry, Limits())
