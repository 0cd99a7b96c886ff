"""A model that keeps a log of what reached it: `tests.faults.kit.models:Recorder`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

LOG = "JITNEY_TEST_LOG"  # names the file: one JSON line a forward pass, the list of its inputs
PAUSE = "JITNEY_TEST_PAUSE"  # seconds that a forward pass takes
SPEC = "tests.faults.kit.models:Recorder,name=recorder"
PATH = "/models/recorder"


class Recorder:
    """Answers a text reversed, after it has written it down."""

    def forward(self, inputs: Sequence[str]) -> list[str]:
        with Path(os.environ[LOG]).open("a") as log:
            log.write(json.dumps(list(inputs)) + "\n")
        time.sleep(float(os.environ.get(PAUSE, "0")))
        return [text[::-1] for text in inputs]


def recorded(log: Path) -> list[list[str]]:
    """The forward passes so far, each with its inputs."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
