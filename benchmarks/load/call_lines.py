"""One JSON line a request: what a run leaves for those who want to look at single calls."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from benchmarks.lib.loops import Call
from benchmarks.lib.summary import stage_means


def line(call: Call) -> str:
    """Times are seconds from the start of the run, stages milliseconds."""
    held = {"due": call.due, "sent": call.sent, "ended": call.ended, "outcome": call.outcome}
    return json.dumps({**held, "stages": stage_means([call.timing])})


def write(file: Path, calls: Iterable[Call]) -> None:
    """All calls, those of the warm-up too, in the order in which they ended."""
    file.write_text("".join(f"{line(call)}\n" for call in calls), "utf-8")
