"""How long to measure: until the last three windows agree. Pure over what measures one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from benchmarks.lib.summary import Summary
from benchmarks.tuning.records import Window

AGREEING, WITHIN = 3, 0.1


async def steady(
    measure: Callable[[], Awaitable[Summary]], most: int = 6
) -> tuple[list[Window], Summary, tuple[str, ...]]:
    """All windows, the summary of the last, and doubts: none where the last three agree."""
    windows: list[Window] = []
    while True:
        summary = await measure()
        windows.append(_window(summary))
        if agree(windows):
            return windows, summary, ()
        if len(windows) >= most:
            return windows, summary, (f"no three windows in a row of {most} agreed within {WITHIN:.0%}",)


def agree(windows: Sequence[Window]) -> bool:
    """Whether the last three lie within 10 % of each other, in rate and in p99, and all of them answered."""
    last = windows[-AGREEING:]
    p99s = [window.p99 for window in last if window.p99 is not None]
    return len(last) == len(p99s) == AGREEING and _close([window.per_second for window in last]) and _close(p99s)


def _close(values: Sequence[float]) -> bool:
    return max(values) - min(values) <= WITHIN * max(values)


def _window(summary: Summary) -> Window:
    p99 = summary.latency.p99 if summary.latency else None
    return Window(per_second=summary.per_second, p99=p99, answered_share=summary.answered_share)
