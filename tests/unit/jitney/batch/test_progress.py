"""What a person reads while a batch runs."""

from __future__ import annotations

import pytest

from jitney.batch.progress import LINE_EVERY, Count, Lines
from tests.conftest import FakeClock


def test_a_line_has_rows_share_rate_failures_and_the_time_left() -> None:
    count = Count(started=100.0, total=1000, rows=3000, failed=2, bytes=250)

    assert count.line(110.0) == "3,000 rows (25 %), 300 rows/s, 2 failed, 0:00:30 left"


def test_what_an_earlier_run_did_is_no_speed_of_this_one() -> None:
    count = Count(started=100.0, total=1000, before=2000, bytes_before=500, rows=3000, bytes=750)

    assert count.line(110.0) == "3,000 rows (75 %), 100 rows/s, 0 failed, 0:00:10 left"


def test_of_standard_input_nobody_knows_how_much_is_left() -> None:
    assert Count(started=0.0, total=None, rows=10).line(10.0) == "10 rows, 1 rows/s, 0 failed"


def test_without_a_terminal_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = FakeClock()
    lines, count = Lines(clock), Count(started=clock(), total=None)

    for _ in range(25):
        clock.tick(1.0)
        lines.moved(count)

    assert len(capsys.readouterr().err.splitlines()) == 25 // LINE_EVERY


def test_the_same_trouble_of_many_requests_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(FakeClock())

    for text in ("waiting: 503", "waiting: 503", "waiting: 429"):
        lines.note(text)

    assert capsys.readouterr().err == "jitney batch: waiting: 503\njitney batch: waiting: 429\n"
