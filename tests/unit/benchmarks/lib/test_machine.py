"""What the machine says of itself."""

from __future__ import annotations

import os

import pytest

from benchmarks.lib import machine

STAT = "7 (a (very) odd name) S 1 7 7 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 9 0 88 1 2\n"
TICK = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def proc(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "PROC", tmp_path)
    monkeypatch.setattr(machine, "STAT", tmp_path / "stat")
    return tmp_path


def test_a_process_may_have_any_name(proc):
    (proc / "7").mkdir()
    (proc / "7" / "stat").write_text(STAT)

    assert machine.cpu_seconds({"odd": 7}) == {"odd": 400 / TICK}


def test_a_process_that_has_ended_is_left_out(proc):
    assert machine.cpu_seconds({"gone": 8}) == {}


def test_idle_time_is_nobody_s_work(proc):
    (proc / "stat").write_text("cpu  100 1 20 9999 888 3 4 5 77 66\ncpu0 1 2 3\n")

    assert machine.busy_seconds() == pytest.approx(133 / TICK)


def test_a_machine_that_does_not_tell_is_never_busy(proc):
    assert machine.busy_seconds() == 0.0


def test_the_description_names_what_matters():
    assert {"processor", "cores", "kernel", "python", "packages"} <= machine.describe().keys()
