"""A model with an engine of its own: `30 nonce` takes 30 steps in flight, then it is answered reversed.

`!exit` at the end of a text ends the process when it is first computed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from tests.toy_engine import ToyEngine

SPEC = "tests.integration.in_flight_model:InFlight,name=in-flight"
PATH = "/models/in-flight"
LOG = "JITNEY_TEST_LOG"  # names a file: one JSON line a step, the texts in flight; unset, nothing is written
STEP = 0.01  # seconds


class InFlight:
    """Batch by batch it would be of no use."""

    def forward(self, inputs: Sequence[str]) -> list[str]:
        raise NotImplementedError

    def in_flight(self, **how: object) -> ToyEngine:
        return ToyEngine(before_step=self._step, **how)  # type: ignore[arg-type]

    def _step(self, texts: list[str]) -> None:
        if path := os.environ.get(LOG):
            with Path(path).open("a") as log:
                log.write(json.dumps(texts) + "\n")
        if any(text.endswith("!exit") for text in texts):
            os._exit(1)
        time.sleep(STEP)


def steps(log: Path) -> list[list[str]]:
    """Those so far, each with the texts in flight."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
