"""A model that only takes time: it sleeps, then answers each text reversed. For tests, benchmarks and first steps."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from batcher.models.contract import About, InvalidInput, OutOfMemory
from batcher.models.precise_sleep import PreciseSleep

DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s)|0")
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
LONGEST_EXAMPLE = 0.5  # seconds: a pass that takes longer is not measured at every start
MOST_WITH_OOM = 4  # jobs: with `!oom` among them, a larger forward group does not fit


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTime:
    """Seconds that a forward pass of n jobs takes: `fixed + per_job * n`."""

    fixed: float = 0.010
    per_job: float = 0.0005

    @classmethod
    def read(cls, text: str) -> PassTime:
        """`10ms+0.5ms` → 10 ms a pass and 0.5 ms a job; the second part may be missing. Raises `ValueError`."""
        parts = text.split("+")
        if len(parts) > 2:
            raise ValueError(f"'{text}' is not a time such as 10ms+0.5ms")
        fixed, per_job = (*map(_seconds, parts), 0.0)[:2]
        return cls(fixed=fixed, per_job=per_job)

    def of(self, jobs: int) -> float:
        return self.fixed + self.per_job * jobs


class Synthetic:
    """Text in, the same text reversed out.

    With faults on, these texts misbehave:
        !raise   raises, whoever shares its forward group
        !exit    ends the process at once, as a segmentation fault would
        !hang    never returns
        !oom     runs out of memory while its forward group holds more than four jobs; in a smaller one it is answered
        !short   its forward group gets one output too few
    """

    def __init__(
        self, pass_time: PassTime, *, faults: bool = False, sleep: Callable[[float], None] | None = None
    ) -> None:
        self._pass_time = pass_time
        self._faults = faults
        self._sleep = sleep or PreciseSleep()
        self.example = "example" if pass_time.of(1) < LONGEST_EXAMPLE else None
        self.about = About(
            task="synthetic",
            codec="passthrough",
            max_cost=1_000_000,
            description="Answers every text reversed, after a while. For tests and benchmarks; it understands nothing.",
        )

    def cost(self, input: str) -> int:
        """Every text costs the same here, so nothing is gained by cutting a batch."""
        return 1

    def forward(self, inputs: Sequence[str]) -> list[str]:
        for text in inputs:
            if not isinstance(text, str):
                raise InvalidInput("this model takes text")
        if self._faults:
            _misbehave(inputs)
        self._sleep(self._pass_time.of(len(inputs)))
        outputs = [text[::-1] for text in inputs]
        return outputs[1:] if self._faults and "!short" in inputs else outputs


def _misbehave(inputs: Sequence[str]) -> None:
    if "!exit" in inputs:
        os._exit(1)
    if "!hang" in inputs:
        threading.Event().wait()
    if "!oom" in inputs and len(inputs) > MOST_WITH_OOM:
        raise OutOfMemory("a forward group with !oom in it holds four jobs")
    if "!raise" in inputs:
        raise RuntimeError("asked to raise")


def _seconds(text: str) -> float:
    match = DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"'{text}' is not a duration such as 10ms, 0.5ms or 1s")
    return float(match[1]) * SECONDS[match[2]] if match[1] else 0.0
