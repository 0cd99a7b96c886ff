"""Models that need no torch and do what a real one does at the worst moment: stand still, or end their process."""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Sequence
from pathlib import Path

from tests.integration.clients.models import Shout
from tests.integration.toy_embedders import Thirds
from tests.integration.toy_vocabularies import WORDS

GATE = "GATE"  # names the file in the environment
DEADLY = WORDS[-1]


def pass_gate() -> None:
    """Computes only while the file is there: until then whatever is sent fills the lane."""
    while not Path(os.environ[GATE]).exists():
        time.sleep(0.01)


class GatedThirds(Thirds):
    def forward(self, inputs: Sequence[Sequence[int]]) -> list[array[float]]:
        pass_gate()
        return super().forward(inputs)


class GatedShout(Shout):
    def forward(self, inputs: Sequence[str]) -> list[str]:
        pass_gate()
        return super().forward(inputs)


class MortalThirds(Thirds):
    """Dies of one word."""

    def forward(self, inputs: Sequence[Sequence[int]]) -> list[array[float]]:
        if any(len(WORDS) in ids for ids in inputs):
            os._exit(1)
        return super().forward(inputs)
