"""What a shown command starts that goes on until it is ended: it is ready once it says so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.integration.up import READY

VARIABLES = re.compile(r"^([A-Z0-9_]+=\S+ +)*")
LIMIT = 200.0  # seconds: importing torch on a busy machine takes its time
# How such a command begins, and what it says when it is ready.
READINESS: Mapping[str, str] = {
    r"(make serve|jitney up)\b": re.escape(READY),
    r"python -m server\b": r"\blistening\b",
    r"python -m batcher\b": r"\bserving\b",
    r"jitney history run\b": r"writing the history|another writer",
    r"jitney status --watch\b": r"^broker ",
    r"\S*(valkey|redis)-server\b": r"Ready to accept connections",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of them."""

    text: str
    popen: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_ready(self) -> None:
        give_up = time.monotonic() + LIMIT
        while not re.search(ready_when(self.text), self.said(), re.MULTILINE):
            assert self.popen.poll() is None, f"{self.text} ended:\n{self.said()}"
            assert time.monotonic() < give_up, f"{self.text} is not ready:\n{self.said()}"
            time.sleep(0.05)

    def ends_well(self) -> bool:
        """By Ctrl-C, which reaches all of a terminal; make says that it was interrupted."""
        os.killpg(self.popen.pid, signal.SIGINT)
        return self.popen.wait(LIMIT) == (-signal.SIGINT if self.text.startswith("make") else 0)


def ready_when(text: str) -> str:
    """Nothing of a command that ends by itself."""
    bare = VARIABLES.sub("", text)
    return next((ready for begins, ready in READINESS.items() if re.match(begins, bare)), "")


def as_one_process(text: str) -> str:
    """Without a shell that stays beside it."""
    variables = VARIABLES.match(text)
    at = variables.end() if variables else 0
    return f"{text[:at]}exec {text[at:]}"
