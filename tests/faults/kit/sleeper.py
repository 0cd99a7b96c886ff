"""A model that takes as long as its longest input says: `2.5 nonce` is 2.5 s (`tests.faults.kit.sleeper:Sleeper`)."""

from __future__ import annotations

import time
from collections.abc import Sequence

SPEC = "tests.faults.kit.sleeper:Sleeper,name=sleeper"
PATH = "/models/sleeper"


class Sleeper:
    """Answers each text reversed."""

    def forward(self, inputs: Sequence[str]) -> list[str]:
        time.sleep(max(float(text.split()[0]) for text in inputs))
        return [text[::-1] for text in inputs]
