"""What a sweep tries: everything once, nothing that cannot be told apart."""

from __future__ import annotations

import pytest

from benchmarks.tuning.grid import grid, seconds


def test_adaptive_is_tried_once_for_all_windows():
    tried = grid([0.0, 0.005], [1, 8], [100], ["adaptive", "fixed"])

    assert [(limits.policy, limits.max_batch_size, limits.max_wait) for limits in tried] == [
        ("adaptive", 1, 0.0),
        ("adaptive", 8, 0.0),
        ("fixed", 1, 0.0),
        ("fixed", 1, 0.005),
        ("fixed", 8, 0.0),
        ("fixed", 8, 0.005),
    ]


def test_limits_that_a_batcher_would_refuse_are_refused():
    with pytest.raises(ValueError, match="1 to 256"):
        grid([0.0], [0], [100], ["fixed"])


@pytest.mark.parametrize(("text", "read"), [("5ms", 0.005), ("0.2s", 0.2), ("0", 0.0)])
def test_windows_are_read_with_their_unit(text, read):
    assert seconds(text) == pytest.approx(read)
