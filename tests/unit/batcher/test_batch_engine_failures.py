"""A forward that raises: only the jobs that caused it fail, and each is told why."""

from __future__ import annotations

from math import ceil, log2

import pytest
from structlog.testing import capture_logs

from batcher.engines.batch import BatchEngine
from batcher.engines.failures import BROKEN, FAILED
from batcher.models.contract import InvalidInput
from broker.messages import FailureCode, Job
from tests.unit.batcher.scripted_model import Group, Scripted, failures, jobs, numbered, raising, run


@pytest.mark.parametrize("place", [0, 5, 31, 32, 63])
def test_only_the_job_that_raises_fails(place: int) -> None:
    texts = numbered(64)

    done = run(BatchEngine(Scripted(raising(texts[place]))), jobs(*texts))

    assert failures(done) == {texts[place]: (FailureCode.MODEL_ERROR, FAILED)}


def test_several_jobs_that_raise_fail_and_nobody_else() -> None:
    texts = numbered(32)
    bad = {texts[0], texts[1], texts[13], texts[31]}

    done = run(BatchEngine(Scripted(raising(*bad))), jobs(*texts))

    assert failures(done).keys() == bad


def test_one_job_that_raises_costs_two_forwards_a_halving() -> None:
    model = Scripted(raising("bad"))

    run(BatchEngine(model), jobs(*numbered(64, "bad")))

    assert len(model.groups) == 1 + 2 * 6


@pytest.mark.parametrize("count", [1, 2, 3, 33, 64, 200])
def test_a_model_that_always_fails_is_not_asked_for_ever(count: int) -> None:
    texts = numbered(count)
    model = Scripted(raising(*texts))

    done = run(BatchEngine(model, max_size=256), jobs(*texts))

    assert failures(done).keys() == set(texts)
    assert len(model.groups) <= 2 * ceil(log2(count)) + 2


def test_those_not_tried_are_told_that_the_model_is_broken() -> None:
    texts = numbered(64)

    done = run(BatchEngine(Scripted(raising(*texts))), jobs(*texts))

    assert {message for _, message in failures(done).values()} == {FAILED, BROKEN}


def test_one_answer_is_enough_to_go_on_looking() -> None:
    texts = numbered(64)

    done = run(BatchEngine(Scripted(raising(*texts[1:]))), jobs(*texts))

    assert done[texts[0]].output == texts[0].upper()
    assert {message for _, message in failures(done).values()} == {FAILED}


def test_the_engine_lives_on_after_a_batch_that_failed() -> None:
    engine = BatchEngine(Scripted(raising("bad")))
    run(engine, jobs("bad"))

    done = run(engine, jobs("good"))

    assert done["good"].output == "GOOD"


def test_an_invalid_input_is_told_why() -> None:
    def act(group: Group) -> None:
        if "" in group:
            raise InvalidInput("the text is empty")

    done = run(BatchEngine(Scripted(act)), jobs("", *numbered(9)))

    assert failures(done) == {"": (FailureCode.INVALID_INPUT, "the text is empty")}


def test_however_many_inputs_are_invalid_each_is_told_why() -> None:
    texts = numbered(64)

    done = run(BatchEngine(Scripted(raising(*texts, error=InvalidInput))), jobs(*texts))

    assert {code for code, _ in failures(done).values()} == {FailureCode.INVALID_INPUT}


def test_the_log_names_the_job_and_keeps_its_text_to_itself() -> None:
    def act(group: Group) -> None:
        raise ValueError(f"cannot read {group[0]}")

    with capture_logs() as lines:
        run(BatchEngine(Scripted(act)), [Job(id="the-job", front_end="f", input="private words")])

    assert [line["job"] for line in lines] == ["the-job"]
    assert "ValueError at " in lines[0]["error"]
    assert "private" not in str(lines)


TRACED = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "request_id": "r"}
OURS = {"request_id": "r", "caller": "me"}


@pytest.mark.parametrize(("meta", "ids"), [(TRACED, ("r", "a" * 32)), (OURS, ("r", None)), ({}, (None, None))])
def test_the_log_names_request_and_trace_of_a_failed_job(meta: dict[str, str], ids: tuple[str | None, ...]) -> None:
    with capture_logs() as lines:
        run(BatchEngine(Scripted(raising("x"))), [Job(id="the-job", front_end="f", input="x", meta=meta)])

    assert [(line.get("request_id"), line.get("trace_id")) for line in lines] == [ids]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, Unspeakable])
def test_whatever_is_raised_is_an_error_like_any_other(error: type[BaseException]) -> None:
    def act(group: Group) -> None:
        if "bad" in group:
            raise error

    done = run(BatchEngine(Scripted(act)), jobs("a", "bad", "c"))

    assert failures(done) == {"bad": (FailureCode.MODEL_ERROR, FAILED)}


@pytest.mark.parametrize(
    ("said", "told"),
    [("x" * 10_000, "x" * 500), ("half \ud83d of a pair", "half ? of a pair")],
    ids=["too long to read", "not to be sent"],
)
def test_the_sentence_of_an_invalid_input_can_always_be_sent(said: str, told: str) -> None:
    def act(group: Group) -> None:
        raise InvalidInput(said)

    assert failures(run(BatchEngine(Scripted(act)), jobs("a"))) == {"a": (FailureCode.INVALID_INPUT, told)}
