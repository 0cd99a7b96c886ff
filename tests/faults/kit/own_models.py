"""Models of somebody's own, which tell nothing of how fast they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any


class Steady:
    """Takes a fifth of a second, for one input as for all."""

    def forward(self, inputs: Sequence[str]) -> list[str]:
        time.sleep(0.2)
        return [text[::-1] for text in inputs]


class Cold:
    """Takes 3 s for its first batch, as one that compiles would, and then a hundredth of a second for any."""

    def __init__(self) -> None:
        self._seconds = 3.0

    def forward(self, inputs: Sequence[str]) -> list[str]:
        time.sleep(self._seconds)
        self._seconds = 0.01
        return [text[::-1] for text in inputs]


class Before:
    """Takes a tenth of a second for a batch; a revision of its own."""

    def forward(self, inputs: Sequence[str]) -> list[str]:
        time.sleep(0.1)
        return [text[::-1] for text in inputs]


class After(Before):
    """The same, as the next revision."""


class Hostile:
    """Answers texts reversed; one of these does harm to its forward group."""

    def forward(self, inputs: Sequence[str]) -> Any:
        if "!card" in inputs:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be …")
        if "!exit" in inputs:
            raise SystemExit(3)
        if "!dict" in inputs:
            return {text: text for text in inputs}
        return [float("nan") if text == "!nan" else text[::-1] for text in inputs]


class Unready(Before):
    """Fails when its engine is made, after it has loaded."""

    def report_to(self, progress: Any) -> None:
        raise RuntimeError("nobody to report to")


class Quits(Before):
    def in_flight(self, **limits: Any) -> Any:
        raise SystemExit


class NoEngine(Before):
    def in_flight(self, **limits: Any) -> Any:
        return None
