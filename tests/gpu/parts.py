"""What a part is given and what it tells: checks, each with a verdict and its figures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

DEMO = Path(__file__).parents[2] / "demo"
DTYPES = ("fp32", "bf16", "fp16")


class Skipped(Exception):
    """This part cannot run here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Where to compute, and how much of it. `until` is on the clock of `time.monotonic`."""

    device: str
    is_tiny: bool
    directory: Path  # for files of the part, gone after it
    until: float

    @property
    def time_left(self) -> float:
        return max(0.0, self.until - time.monotonic())

    @property
    def is_cuda(self) -> bool:
        return self.device.startswith("cuda")

    def pick(self, full: int, tiny: int) -> int:
        """A size: for a card, or for a try on a CPU."""
        return tiny if self.is_tiny else full

    def wait(self) -> None:
        """Until the card has done all that it was given: kernels run after the call that asked for them."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that holds or does not; `figures` are numbers and words for the table."""

    name: str
    is_ok: bool
    figures: Mapping[str, Any] = field(default_factory=dict)
