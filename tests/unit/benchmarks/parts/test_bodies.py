"""What large bodies cost the broker: both forms are measured on every server that is here, and compared."""

from __future__ import annotations

import os

import pytest

from benchmarks.parts.bodies import APART, INLINE, STEPS, _table, main
from broker.embedded import binaries
from broker.redis import admission
from broker.wire import LARGE


def test_every_step_is_measured_in_both_forms_on_every_server(capsys: pytest.CaptureFixture[str]) -> None:
    servers = [one.kind for one in binaries(os.environ) or ()]

    assert main(["--jobs", "2", "--bytes", "20000", "--rounds", "2"]) == 0

    said = capsys.readouterr().out
    assert [line.partition(":")[0] for line in said.splitlines() if "ms of the main thread" in line] == servers
    assert [said.count(f"| {step} | ") for step in STEPS] == 3 * [len(servers)]
    assert admission.LARGE == LARGE


def test_the_share_is_what_is_left_of_the_cost() -> None:
    medians = {(form, step): cost for form, cost in ((INLINE, 20.0), (APART, 4.0)) for step in STEPS}

    assert [*_table("redis", 64, 150_528, medians)][-1] == "| end | 20.00 | 4.00 | 0.20 |"
