"""A model of which one input is the end, at once or for ever: `tests.faults.kit.mortal:Mortal`."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.kit.models import Recorder
from tests.faults.kit.sleeper import GATE

SPEC = "tests.faults.kit.mortal:Mortal,name=synthetic"
EXIT, HANG = "!exit", "!hang"


class Mortal(Recorder):
    """Writes texts down and answers them reversed, once no file in the directory at the gate has the name of one.

    Whatever was computed right before `!exit` is unpublished when the process ends: no other thread gets a turn.
    """

    example = "example"  # so that a batch's time is known, and the next one is claimed before its end

    def __init__(self) -> None:
        sys.setswitchinterval(60.0)  # seconds; a thread that waits for something still lets others run

    def forward(self, inputs: Sequence[str]) -> list[str]:
        if EXIT in inputs:
            os._exit(1)
        if HANG in inputs:
            threading.Event().wait()
        outputs = super().forward(inputs)
        while any(Path(os.environ[GATE], text).exists() for text in inputs):
            time.sleep(0.01)
        return outputs
