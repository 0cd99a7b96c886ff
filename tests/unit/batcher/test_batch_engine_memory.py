"""Memory that does not suffice makes groups smaller, and a card that has failed fails no job."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from batcher.engines.batch import BatchEngine
from batcher.engines.failures import FAILED, TOO_BIG
from batcher.engines.lost_device import DeviceLost
from batcher.models.contract import InvalidInput, OutOfMemory
from broker.messages import FailureCode
from tests.unit.batcher.scripted_model import Group, Scripted, failures, full_above, jobs, numbered, raising, run


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


def test_a_job_that_raises_is_found_on_a_card_without_memory() -> None:
    memory, bad = full_above(4), raising("bad")

    def act(group: Group) -> None:
        memory(group)
        bad(group)

    done = run(BatchEngine(Scripted(act)), jobs(*numbered(32, "bad")))

    assert failures(done) == {"bad": (FailureCode.MODEL_ERROR, FAILED)}


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
