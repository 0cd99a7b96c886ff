"""Why a computation gave nothing, in words for the caller and, apart from them, for the log."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from enum import Enum, auto

from batcher.models.contract import InvalidInput, OutOfMemory, Output
from broker.body import obstacle
from broker.messages import Failure, FailureCode

FAILED = "the model failed on this input"
BROKEN = "the model failed on every input that was tried"
TOO_BIG = "this input does not fit in the model's memory"
IMPOSSIBLE = "this input cannot be computed"


class Kind(Enum):
    MEMORY = auto()
    INVALID = auto()
    ERROR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Not the exception itself: its frames would keep the tensors alive."""

    kind: Kind
    message: str
    error: str = ""  # type and place, for the log; no text of a message, which may quote an input

    @classmethod
    def of(cls, error: Exception) -> Trouble:
        """What an exception of the model means."""
        if isinstance(error, OutOfMemory | MemoryError):
            return cls(kind=Kind.MEMORY, message=TOO_BIG)
        if isinstance(error, InvalidInput):
            return cls(kind=Kind.INVALID, message=str(error) or IMPOSSIBLE)
        return cls(kind=Kind.ERROR, message=FAILED, error=_describe(error))

    @classmethod
    def unsendable(cls, output: Output) -> Trouble:
        """What it means that `can_travel` says no."""
        reason = obstacle(output)
        return cls(kind=Kind.ERROR, message=reason, error=f"an output of type {type(output).__name__}: {reason}")

    def failure(self, job_id: str) -> Failure:
        code = FailureCode.INVALID_INPUT if self.kind is Kind.INVALID else FailureCode.MODEL_ERROR
        return Failure(job_id=job_id, code=code, message=self.message)


NOT_TRIED = Trouble(kind=Kind.ERROR, message=BROKEN, error="not tried: all forwards so far failed")


def _describe(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"
