"""The command line of `scale`: what is varied, and what it says when it cannot begin."""

from __future__ import annotations

import pytest

from benchmarks.scale.command import _read, layouts, main


def test_front_ends_are_varied_on_one_batcher_and_batchers_on_one_lane():
    found = [(one.varied, one.front_ends, one.batchers) for one in layouts(_read([]))]

    assert found == [
        ("front ends", 1, 1),
        ("front ends", 2, 1),
        ("front ends", 4, 1),
        ("batchers", 2, 1),
        ("batchers", 2, 2),
        ("batchers", 2, 4),
    ]


def test_a_time_that_is_none_is_told(capsys):
    with pytest.raises(SystemExit):
        _read(["--pass-time", "soon"])

    assert "'soon' is not a duration such as 10ms" in capsys.readouterr().err


def test_without_wrk_nothing_is_started(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")

    status = main([])

    assert (status, "apt install wrk" in capsys.readouterr().err) == (1, True)
