"""How long to measure: until the last three windows agree. Pure over what sends one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from benchmarks.lib.loops import Call
from benchmarks.lib.summary import Summary, mean, summarise
from benchmarks.load.command import Sent
from benchmarks.tuning.records import Window

AGREEING, WITHIN = 3, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the windows of a point said."""

    windows: Sequence[Window]
    summary: Summary  # of those that agree, together; of all where none do
    is_stable: bool
    doubts: Sequence[str]


async def steady(
    send: Callable[[], Awaitable[Sent]], warm_up: float, duration: float, most: int = 6, slo: float | None = None
) -> Measured:
    """Windows of `duration` seconds after a `warm_up` each, at most `most`; `slo` is for the goodput."""
    sent: list[Sent] = []
    windows: list[Window] = []
    while not agree(windows) and len(windows) < most:
        sent.append(await send())
        windows.append(window(summarise(sent[-1].calls, warm_up, duration)))
    is_stable = agree(windows)
    summary = together(sent[-AGREEING:] if is_stable else sent, warm_up, duration, slo)
    unsteady = f"no three windows in a row of {most} agreed within {WITHIN:.0%}"
    doubts = [*([] if is_stable else [unsteady]), *([f"client: {limit}"] if (limit := summary.client_limit) else [])]
    return Measured(windows=windows, summary=summary, is_stable=is_stable, doubts=doubts)


def agree(windows: Sequence[Window]) -> bool:
    """Whether the last three lie within 10 % of each other, in rate and in p99, and all of them answered."""
    last = windows[-AGREEING:]
    p99s = [window.p99 for window in last if window.p99 is not None]
    return len(last) == len(p99s) == AGREEING and _close([window.per_second for window in last]) and _close(p99s)


def _close(values: Sequence[float]) -> bool:
    return max(values) - min(values) <= WITHIN * max(values)


def window(summary: Summary) -> Window:
    """What is compared of one stretch."""
    p99 = summary.latency.p99 if summary.latency else None
    return Window(per_second=summary.per_second, p99=p99, answered_share=summary.answered_share)


def together(sent: Sequence[Sent], warm_up: float, duration: float, slo: float | None = None) -> Summary:
    """As if the windows had followed each other without their warm-ups; but rates are the mean of theirs: what comes
    late in one is nothing that the next has carried."""
    calls = [
        _later(call, number * duration - warm_up)
        for number, one in enumerate(sent)
        for call in one.calls
        if warm_up <= call.due < warm_up + duration
    ]
    whole = summarise(calls, 0.0, len(sent) * duration, slo, busy=max(one.busy for one in sent))
    each = [summarise(one.calls, warm_up, duration, slo) for one in sent]
    goodputs = [one.goodput for one in each if one.goodput is not None]
    return replace(whole, per_second=fmean(one.per_second for one in each), goodput=mean(goodputs))


def _later(call: Call, seconds: float) -> Call:
    return replace(call, due=call.due + seconds, sent=call.sent + seconds, ended=call.ended + seconds)
