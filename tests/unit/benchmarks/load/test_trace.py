"""A trace to replay."""

from __future__ import annotations

import pytest

from benchmarks.load.trace import read, sized


def test_a_trace_is_read_in_order_of_time(tmp_path):
    (tmp_path / "trace").write_text("1.5,20\n\n0.25,7\n")

    assert read(tmp_path / "trace") == [(0.25, 7), (1.5, 20)]


@pytest.mark.parametrize("line", ["1.5", "a,2", "-1,3", "nan,3", "1,0"])
def test_a_line_that_is_no_request_is_named(tmp_path, line):
    (tmp_path / "trace").write_text(f"0,5\n{line}\n")

    with pytest.raises(ValueError, match="trace:2: "):
        read(tmp_path / "trace")


def test_a_trace_without_requests_is_refused(tmp_path):
    (tmp_path / "trace").write_text("\n")

    with pytest.raises(ValueError, match="holds no request"):
        read(tmp_path / "trace")


@pytest.mark.parametrize(("characters", "expected"), [(2, "ab"), (3, "abc"), (9, "abc abc a")])
def test_a_text_is_cut_or_said_again(characters, expected):
    assert sized("abc", characters) == expected
