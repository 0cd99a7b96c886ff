"""One JSON line a request."""

from __future__ import annotations

import json

from benchmarks.lib.loops import Call
from benchmarks.load.call_lines import write


def test_each_call_is_a_line_with_its_stages(tmp_path):
    write(tmp_path / "calls", [Call(1.0, 1.5, 2.0, "200", b"queue;dur=3.00"), Call(1.2, 1.2, 1.3, "503")])

    lines = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]

    assert lines == [
        {"due": 1.0, "sent": 1.5, "ended": 2.0, "outcome": "200", "stages": {"queue": 3.0}},
        {"due": 1.2, "sent": 1.2, "ended": 1.3, "outcome": "503", "stages": {}},
    ]
