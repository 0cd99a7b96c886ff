"""Why a computation gave nothing, in words for the caller and, apart from them, for the log."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from batcher.engines.exceptions import is_memory
from batcher.engines.lost_device import refuse_lost
from batcher.models.contract import InvalidInput, Output
from broker.body import obstacle
from broker.common.numbers.finite import NOT_FINITE, is_finite
from broker.messages import Failure, FailureCode, Job

FAILED = "the model failed on this input"
BROKEN = "the model failed on every input that was tried"
TOO_BIG = "this input does not fit in the model's memory"
IMPOSSIBLE = "this input cannot be computed"
LOST = "the model gave no outcome for this input"
log = structlog.get_logger("batcher")
LONGEST = 500  # characters of a message


class Kind(Enum):
    MEMORY = auto()
    INVALID = auto()
    ERROR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeFailure:
    """Not the exception itself: its frames would keep the tensors alive."""

    kind: Kind
    message: str
    error: str = ""  # type and place, for the log; no text of a message, which may quote an input

    @classmethod
    def of(cls, error: BaseException) -> ComputeFailure:
        """What an exception of the model means. Raises `DeviceLost` where it is not about its inputs at all."""
        refuse_lost(error)
        if isinstance(error, InvalidInput):
            return cls(kind=Kind.INVALID, message=_shown(error) or IMPOSSIBLE)
        if is_memory(error):
            return cls(kind=Kind.MEMORY, message=TOO_BIG)
        return cls(kind=Kind.ERROR, message=FAILED, error=_describe(error))

    @classmethod
    def of_output(cls, output: Output) -> ComputeFailure | None:
        """Why this output cannot be handed out; None where it can."""
        if reason := obstacle(output):
            return cls(kind=Kind.ERROR, message=reason, error=f"an output of type {type(output).__name__}: {reason}")
        return None if is_finite(output) else OVERFLOWN

    def failure(self, job_id: str) -> Failure:
        code = FailureCode.INVALID_INPUT if self.kind is Kind.INVALID else FailureCode.MODEL_ERROR
        return Failure(job_id=job_id, code=code, message=self.message)

    def fail(self, job: Job, *, tokens: int) -> Failure:
        """The job's failure, and its line in the log."""
        failure = self.failure(job.id)
        code = str(failure.code)
        log.warning("job failed", **job.identity, code=code, tokens=tokens, error=self.error or code)
        return failure


NOT_TRIED = ComputeFailure(kind=Kind.ERROR, message=BROKEN, error="not tried: all forwards so far failed")
OVERFLOWN = ComputeFailure(
    kind=Kind.ERROR, message=NOT_FINITE, error="NaN or infinity; where dtype=fp16 overflows, say bf16 or fp32"
)
GONE = ComputeFailure(kind=Kind.ERROR, message=LOST, error="the engine has lost it")


def _shown(error: InvalidInput) -> str:
    """What its sender may read: no longer than a line, and nothing that could not be sent."""
    try:
        return str(error)[:LONGEST].encode("utf-8", "replace").decode()
    except Exception:  # a subclass of one's own may fail at this too
        return ""


def _describe(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"
