"""What keys cost and bring: measured on every server that is here."""

from __future__ import annotations

import os

import pytest

from benchmarks.parts.callers import STEPS, _jain, main
from broker.embedded import binaries


def test_every_form_is_measured_and_a_lone_job_does_not_wait_for_a_flood(capsys: pytest.CaptureFixture[str]) -> None:
    servers = [one.kind for one in binaries(os.environ) or ()]

    assert main(["--jobs", "8", "--batches", "2"]) == 0

    said = capsys.readouterr().out
    assert [said.count(f"| {step} | ") for step in STEPS] == 3 * [len(servers)]
    assert said.count("in batch 1 after it came") == len(servers)
    assert said.count("Jain's index 1.0000") + said.count("Jain's index 0.99") == len(servers)


def test_the_index_is_one_where_shares_are_as_weights_say() -> None:
    assert _jain({1: 10, 3: 30}) == 1.0
    assert _jain({1: 10, 3: 10}) < 0.85
