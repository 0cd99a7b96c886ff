"""Models that take as long as a test wants: as the input says, or until a file is gone."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

SPEC = "tests.faults.kit.sleeper:Sleeper,name=sleeper"
PATH = "/models/sleeper"
GATED = "tests.faults.kit.sleeper:Gated,name=synthetic"
GATE = "JITNEY_TEST_GATE"  # names the file


class Sleeper:
    """Takes as many seconds as its longest input says: `2.5 nonce` is 2.5 s. Answers each text reversed."""

    def forward(self, inputs: Sequence[str]) -> list[str]:
        time.sleep(max(float(text.split()[0]) for text in inputs))
        return [text[::-1] for text in inputs]


class Gated:
    """Computes nothing as long as the file at the gate is there. Answers each text reversed."""

    def forward(self, inputs: Sequence[str]) -> list[str]:
        while Path(os.environ[GATE]).exists():
            time.sleep(0.01)
        return [text[::-1] for text in inputs]
