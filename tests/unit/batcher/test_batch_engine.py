"""The batch engine: everybody is answered, and only the guilty fail."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Sequence
from math import ceil, log2
from typing import Any, NamedTuple

import pytest
from structlog.testing import capture_logs

from batcher.engines.batch import BatchEngine
from batcher.engines.engine import Done
from batcher.engines.failures import BROKEN, FAILED, TOO_BIG
from batcher.models.contract import InvalidInput, OutOfMemory
from batcher.serving.lost_device import DeviceLost
from broker.messages import FailureCode, Job
from tests.conftest import FakeClock

Group = list[str]


class Scripted:
    """Answers in capitals; `act(group)` may raise first, or answer otherwise. Remembers its groups."""

    def __init__(self, act: Callable[[Group], Any] = lambda group: None) -> None:
        self.groups: list[Group] = []
        self._act = act

    def forward(self, inputs: Sequence[str]) -> list[str]:
        group = list(inputs)
        self.groups.append(group)
        answer = self._act(group)
        return [text.upper() for text in group] if answer is None else answer


def jobs(*texts: str, cost: int = 1) -> list[Job]:
    return [Job(id=f"id-{text}", front_end="f", input=text, cost=cost) for text in texts]


def numbered(count: int, *special: str) -> list[str]:
    """`count` texts; the special ones stand at the end."""
    return [f"text {number}" for number in range(count - len(special))] + list(special)


def run(engine: BatchEngine, batch: Sequence[Job]) -> dict[str, Done]:
    engine.admit(batch)
    done = engine.step()
    assert sorted(one.job_id for one in done) == sorted(job.id for job in batch), "each job comes back exactly once"
    return {one.job_id.removeprefix("id-"): one for one in done}


def failures(done: dict[str, Done]) -> dict[str, tuple[FailureCode, str]]:
    return {text: (one.failure.code, one.failure.message) for text, one in done.items() if one.failure}


def raising(*guilty: str, error: type[Exception] = RuntimeError) -> Callable[[Group], None]:
    def act(group: Group) -> None:
        if any(text in guilty for text in group):
            raise error("secret internals")

    return act


def full_above(tokens: int) -> Callable[[Group], None]:
    """A card whose memory holds so many rows of one token."""

    def act(group: Group) -> None:
        if len(group) > tokens:
            raise OutOfMemory

    return act


# Answers


def test_each_job_gets_its_own_output_whatever_group_it_was_in() -> None:
    model = Scripted()
    costs = [90, 3, 300, 4, 88]
    batch = [Job(id=f"id-{n}", front_end="f", input=f"word {n}", cost=cost) for n, cost in enumerate(costs)]

    done = run(BatchEngine(model), batch)

    assert {text: one.output for text, one in done.items()} == {str(n): f"WORD {n}" for n in range(5)}
    assert len(model.groups) > 1


def test_a_step_without_jobs_asks_the_model_nothing() -> None:
    model = Scripted()

    done = BatchEngine(model).step()

    assert (done, model.groups) == ([], [])


def test_the_models_own_cost_counts_where_it_has_one() -> None:
    model = Scripted()

    run(BatchEngine(model, cost=len, max_tokens=8), jobs("aaaa", "bbbb", "cccc", cost=1))

    assert sorted(map(len, model.groups)) == [1, 2]


def test_an_input_whose_cost_cannot_be_told_is_still_computed() -> None:
    def cost(input: str) -> int:
        raise TypeError

    done = run(BatchEngine(Scripted(), cost=cost), jobs("a"))

    assert done["a"].output == "A"


def test_compute_time_is_that_of_the_forwards_a_job_was_in(clock: FakeClock) -> None:
    model = Scripted(lambda group: clock.tick(0.25 * len(group)))

    done = run(BatchEngine(model, clock=clock, max_tokens=2), jobs("a", "b", "c"))

    assert sorted(one.seconds for one in done.values()) == [0.25, 0.5, 0.5]


# Room


def test_there_is_room_for_what_is_not_held() -> None:
    engine = BatchEngine(Scripted(), max_size=3)

    engine.admit(jobs("a", "b"))

    assert engine.room() == 1


def test_after_a_step_there_is_room_again() -> None:
    engine = BatchEngine(Scripted(), max_size=3)

    run(engine, jobs("a", "b", "c"))

    assert engine.room() == 3


def test_jobs_admitted_during_a_step_wait_for_the_next() -> None:
    engine = BatchEngine(Scripted(lambda group: engine.admit(jobs("late")) if group == ["early"] else None))

    first = run(engine, jobs("early"))
    second = engine.step()

    assert list(first) == ["early"]
    assert [one.output for one in second] == ["LATE"]


# Guilt


@pytest.mark.parametrize("place", [0, 5, 31, 32, 63])
def test_only_the_guilty_job_fails(place: int) -> None:
    texts = numbered(64)

    done = run(BatchEngine(Scripted(raising(texts[place]))), jobs(*texts))

    assert failures(done) == {texts[place]: (FailureCode.MODEL_ERROR, FAILED)}


def test_several_guilty_jobs_fail_and_nobody_else() -> None:
    texts = numbered(32)
    guilty = {texts[0], texts[1], texts[13], texts[31]}

    done = run(BatchEngine(Scripted(raising(*guilty))), jobs(*texts))

    assert failures(done).keys() == guilty


def test_one_guilty_job_costs_two_forwards_a_halving() -> None:
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


# Memory


@pytest.mark.parametrize("error", [OutOfMemory, MemoryError])
def test_a_group_that_does_not_fit_is_split_until_it_does(error: type[Exception]) -> None:
    def act(group: Group) -> None:
        if len(group) > 5:
            raise error

    engine = BatchEngine(Scripted(act))
    done = run(engine, jobs(*numbered(64)))

    assert failures(done) == {}
    assert engine.last.budget == 4


def test_groups_that_wait_are_made_smaller_with_it() -> None:
    model = Scripted(full_above(16))

    run(BatchEngine(model, max_tokens=32), jobs(*numbered(64)))

    assert [len(group) for group in model.groups] == [32, 16, 16, 16, 16]


def test_the_next_batch_keeps_to_what_was_learned() -> None:
    model = Scripted(full_above(16))
    engine = BatchEngine(model)
    run(engine, jobs(*numbered(64)))
    model.groups.clear()

    run(engine, jobs(*numbered(64)))

    assert max(map(len, model.groups)) == 16
    assert engine.last.out_of_memory == 0


def test_what_was_learned_is_forgotten_slowly() -> None:
    engine = BatchEngine(Scripted(full_above(16)), max_tokens=64)
    run(engine, jobs(*numbered(64)))

    budgets = []
    for _ in range(17):
        run(engine, jobs("a"))
        budgets.append(engine.last.budget)

    assert budgets == [16] * 15 + [18] * 2


def test_one_input_that_does_not_fit_alone_fails_alone() -> None:
    def act(group: Group) -> None:
        if "huge" in group:
            raise OutOfMemory

    done = run(BatchEngine(Scripted(act)), jobs(*numbered(16, "huge")))

    assert failures(done) == {"huge": (FailureCode.MODEL_ERROR, TOO_BIG)}


def test_an_input_that_is_too_big_alone_says_nothing_about_groups() -> None:
    engine = BatchEngine(Scripted(full_above(0)))

    run(engine, jobs("huge", cost=100))

    assert engine.last.budget == engine.max_tokens


def test_a_guilty_job_is_found_on_a_card_without_memory() -> None:
    memory, guilt = full_above(4), raising("bad")

    def act(group: Group) -> None:
        memory(group)
        guilt(group)

    done = run(BatchEngine(Scripted(act)), jobs(*numbered(32, "bad")))

    assert failures(done) == {"bad": (FailureCode.MODEL_ERROR, FAILED)}


# Outputs that do not match


@pytest.mark.parametrize("outputs", [0, 2, 4], ids=["none", "too few", "too many"])
def test_a_wrong_number_of_outputs_fails_the_group_and_says_so(outputs: int) -> None:
    model = Scripted(lambda group: ["?"] * outputs)

    done = run(BatchEngine(model), jobs("a", "b", "c"))

    message = f"the model answered with {outputs} outputs for 3 inputs"
    assert set(failures(done).values()) == {(FailureCode.MODEL_ERROR, message)}


def test_a_wrong_number_of_outputs_is_not_searched_for_the_guilty() -> None:
    model = Scripted(lambda group: ["?"])

    run(BatchEngine(model), jobs("a", "b", "c"))

    assert len(model.groups) == 1


def test_a_model_that_answers_nothing_at_all_fails_its_inputs() -> None:
    class Silent:
        def forward(self, inputs: Sequence[str]) -> Any:
            return None

    done = run(BatchEngine(Silent()), jobs("a", "b"))

    assert failures(done).keys() == {"a", "b"}


# What it tells


def test_every_forward_is_progress_the_failed_ones_too() -> None:
    calls: list[None] = []
    model = Scripted(raising("bad"))

    run(BatchEngine(model, progress=lambda: calls.append(None)), jobs(*numbered(8, "bad")))

    assert len(calls) == len(model.groups)


def test_a_model_that_reports_on_its_way_is_progress_as_well() -> None:
    class Slow(Scripted):
        def report_to(self, progress: Callable[[], None]) -> None:
            self.progress = progress

        def forward(self, inputs: Sequence[str]) -> list[str]:
            self.progress()
            return super().forward(inputs)

    calls: list[None] = []

    run(BatchEngine(Slow(), progress=lambda: calls.append(None)), jobs("a"))

    assert len(calls) == 2


def test_a_step_says_what_it_did(clock: FakeClock) -> None:
    engine = BatchEngine(Scripted(lambda group: clock.tick(0.5)), clock=clock, max_tokens=20)

    run(engine, [Job(id=str(cost), front_end="f", input="x", cost=cost) for cost in (8, 10, 19)])

    stats = engine.last
    assert (stats.groups, stats.tokens, stats.padded_tokens) == (2, 37, 39)
    assert (stats.forward_seconds, stats.out_of_memory, stats.failed) == (1.0, 0, 0)


def test_a_step_counts_the_forwards_that_failed() -> None:
    engine = BatchEngine(Scripted(raising("bad")))

    run(engine, jobs("good", "bad"))

    assert (engine.last.groups, engine.last.failed) == (3, 2)


def test_an_output_that_cannot_travel_fails_alone() -> None:
    class Odd:
        def forward(self, inputs: Sequence[Any]) -> list[Any]:
            return [object() if text == "odd" else text for text in inputs]

    engine = BatchEngine(Odd())
    engine.admit([Job(id=text, front_end="f" * 16, input=text) for text in ("a", "odd", "b")])

    done = {one.job_id: one for one in engine.step()}

    assert (done["a"].output, done["b"].output) == ("a", "b")
    assert done["odd"].failure is not None
    assert done["odd"].failure.code == FailureCode.MODEL_ERROR


# What is no list of outputs


class Named(NamedTuple):
    values: str
    indices: str


async def later() -> list[str]:
    return ["A", "B"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda: {"a": 1, "b": 2}, "dict"),
        (lambda: "AB", "str"),
        (lambda: b"AB", "bytes"),
        (lambda: {"A", "B"}, "set"),
        (lambda: (text for text in "AB"), "generator"),
        (lambda: array("f", [0.5, 0.5]), "array"),
        (lambda: deque("AB"), "deque"),
        (lambda: Named("A", "B"), "Named"),
        (lambda: map(str, "AB"), "map"),
        (lambda: 2, "int"),
        (lambda: ("A", "B").__iter__(), "tuple_iterator"),
        (later, "coroutine"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_only_a_list_or_a_tuple_is_taken_for_outputs(answer: Callable[[], Any], kind: str) -> None:
    model = Scripted(lambda group: answer())

    done = run(BatchEngine(model), jobs("a", "b"))

    message = f"the model answered with a {kind} in place of a list of outputs"
    assert failures(done) == dict.fromkeys(("a", "b"), (FailureCode.MODEL_ERROR, message))
    assert len(model.groups) == 1


def test_a_tuple_of_outputs_is_one() -> None:
    done = run(BatchEngine(Scripted(lambda group: ("A", "B"))), jobs("a", "b"))

    assert [done["a"].output, done["b"].output] == ["A", "B"]


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


@pytest.mark.parametrize("told", [-5, 0, 10**400, 2.5, float("nan"), "7", None, True], ids=repr)
def test_a_cost_that_is_no_number_of_tokens_takes_nothing_from_anybody(told: Any) -> None:
    engine = BatchEngine(Scripted(), cost=lambda text: told if text == "odd" else 3)

    done = run(engine, jobs("a", "odd", "c", cost=3))

    assert {text: one.output for text, one in done.items()} == {"a": "A", "odd": "ODD", "c": "C"}
    assert isinstance(engine.last.tokens, int)


def test_a_cost_that_wants_the_process_to_exit_is_one_that_cannot_be_told() -> None:
    def cost(text: str) -> int:
        raise SystemExit

    assert run(BatchEngine(Scripted(), cost=cost), jobs("a"))["a"].output == "A"


@pytest.mark.parametrize(
    ("said", "told"),
    [("x" * 10_000, "x" * 500), ("half \ud83d of a pair", "half ? of a pair")],
    ids=["too long to read", "not to be sent"],
)
def test_the_sentence_of_an_invalid_input_can_always_be_sent(said: str, told: str) -> None:
    def act(group: Group) -> None:
        raise InvalidInput(said)

    assert failures(run(BatchEngine(Scripted(act)), jobs("a"))) == {"a": (FailureCode.INVALID_INPUT, told)}


# The machine


def raising_once(error: BaseException) -> Callable[[Group], None]:
    def act(group: Group) -> None:
        if len(group) > 2:
            raise error

    return act


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA driver error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "CUDACachingAllocator.cpp":838, please report a bug'),
        RuntimeError("cudaErrorMemoryAllocation: out of memory"),
        RuntimeError("Triton Error [CUDA]: out of memory"),
        RuntimeError("CUDA failed with error out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
        type("OutOfMemoryError", (Exception,), {})(),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:60],
)
def test_no_memory_in_any_spelling_halves_the_group(error: BaseException) -> None:
    engine = BatchEngine(Scripted(raising_once(error)), max_tokens=8)

    done = run(engine, jobs("a", "b", "c", "d"))

    assert failures(done) == {}
    assert engine.last.out_of_memory == 1


def wrapped(error: BaseException, around: BaseException) -> BaseException:
    around.__cause__ = error
    return around


ILLEGAL = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be asynchronously reported"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError(ILLEGAL),
        RuntimeError("CUDA error: unspecified launch failure"),
        RuntimeError("CUDA error: misaligned address"),
        RuntimeError("CUDA error: an illegal instruction was encountered"),
        RuntimeError("CUDA error: uncorrectable ECC error encountered"),
        RuntimeError("CUDA error: the launch timed out and was terminated"),
        RuntimeError("CUDA error: unknown error"),
        RuntimeError("CUDA error: no CUDA-capable device is detected"),
        RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
        RuntimeError("CUDA error: driver shutting down"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa)`"),
        RuntimeError("CUDA error: CUBLAS_STATUS_INTERNAL_ERROR when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("transform: failed to synchronize: cudaErrorIllegalAddress: an illegal memory access"),
        RuntimeError("cudaErrorLaunchFailure"),
        RuntimeError("INTERNAL: Failed to load: CUDA_ERROR_ILLEGAL_ADDRESS"),
        RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
        RuntimeError("CUDA failed with error unspecified launch failure"),
        type("AcceleratorError", (RuntimeError,), {})("misaligned address"),
        type("CUDARuntimeError", (Exception,), {})("cudaErrorAssert: device-side assert triggered"),
        wrapped(RuntimeError(ILLEGAL), ValueError("no answer")),
        wrapped(wrapped(RuntimeError(ILLEGAL), KeyError("x")), InvalidInput("bad text")),
        ExceptionGroup("several", [ValueError(), RuntimeError(ILLEGAL)]),
    ],
    ids=lambda error: f"{type(error).__name__} {error}".splitlines()[0][:60],
)
def test_a_card_that_has_failed_fails_no_job(error: BaseException) -> None:
    engine = BatchEngine(Scripted(raising_once(error)))
    engine.admit(jobs("a", "b", "c", "d"))

    with pytest.raises(DeviceLost):
        engine.step()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: invalid configuration argument"),
        RuntimeError("CUDA error: no kernel image is available for execution on the device"),
        RuntimeError(
            "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a non-contiguous"
        ),
        RuntimeError("CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemm`"),
        ValueError("no such word: CUDA error: device-side assert triggered"),
        InvalidInput("cannot read 'CUDA error: an illegal memory access was encountered'"),
        KeyError("CUDA out of memory"),
        RuntimeError("an unknown error"),
        RuntimeError("the Triton server is busy or unavailable"),
        RuntimeError("unable to find an engine for this language"),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:60],
)
def test_other_errors_and_those_that_quote_a_text_are_of_their_input_alone(error: BaseException) -> None:
    engine = BatchEngine(Scripted(raising_once(error)), max_tokens=8)

    done = run(engine, jobs("a", "b", "c", "d"))

    assert failures(done) == {}
    assert (engine.last.out_of_memory, engine.last.failed) == (0, 1)
