"""When a point has been measured long enough."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from benchmarks.lib.summary import Spread, summarise
from benchmarks.tuning.steady import steady


def summary(rate, p99):
    latency = None if p99 is None else Spread(p50=p99, p90=p99, p99=p99, p999=p99, max=p99)
    return replace(summarise([], 0.0, 1.0), per_second=rate, latency=latency)


def measured(pairs):
    left = iter(pairs)

    async def measure():
        return summary(*next(left))

    return asyncio.run(steady(measure, most=4))


@pytest.mark.parametrize(
    ("pairs", "count", "is_stable"),
    [
        pytest.param([(100.0, 10.0)] * 3, 3, True, id="three that agree are enough"),
        pytest.param([(50.0, 10.0), (100.0, 10.0), (95.0, 9.5), (91.0, 9.1)], 4, True, id="the last three count"),
        pytest.param([(100.0, 10.0), (80.0, 10.0)] * 2, 4, False, id="rates that jump are doubted"),
        pytest.param([(100.0, 10.0), (100.0, 20.0)] * 2, 4, False, id="a p99 that jumps is doubted"),
        pytest.param([(0.0, None)] * 4, 4, False, id="nothing answered is never stable"),
    ],
)
def test_windows_are_measured_until_the_last_three_agree(pairs, count, is_stable):
    windows, _, doubts = measured(pairs)

    assert (len(windows), not doubts) == (count, is_stable)
