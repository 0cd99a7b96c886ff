"""Whether a setting keeps the SLO at a rate: asked of the server, and every answer written down as a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count

from benchmarks.lib.loops import Call
from benchmarks.lib.summary import ANSWERED, summarise
from benchmarks.load.command import Plan, Sent, send
from benchmarks.tuning.grid import shown
from benchmarks.tuning.live_limits import NOT_TAKEN_UP, LiveLimits
from benchmarks.tuning.records import Choice, Offered, Point
from benchmarks.tuning.steady import agree, together, window
from benchmarks.tuning.tune.race import Verdict
from broker.messages import Limits

LATE = 0.01  # share of the requests that may be later than the SLO: what p99 means
CLEARLY_KEPT, CLEARLY_NOT = 0.005, 0.05  # shares beyond which one window says it
ENOUGH, FEW = 600, 200  # requests in a window; fewer than enough say little of a p99, than few nothing
BEHIND = 0.05  # share of what was due that did not come back meanwhile: the queue grows, whatever the SLO still allows
LONGER = 2.0  # times as long, to confirm what was found
LONGEST = 4.0  # times --seconds that a window lasts at most, so that slow models have as many


class Trials:
    """Tests one setting at one rate after the other, on the server that `live` and `plan` lead to."""

    def __init__(
        self, live: LiveLimits, plan: Plan, slo: float, *, keep: Callable[[Point], None], say: Callable[[str], None]
    ) -> None:
        self._live, self.plan, self._slo = live, plan, slo
        self._keep, self._say = keep, say
        self._seeds = count(plan.seed)
        self._current: Limits | None = None
        self.points: list[Point] = []

    async def take_up(self, limits: Limits) -> None:
        """They are in force when this comes back. Raises `ValueError` where a batcher does not take them up."""
        if limits != self._current:
            self._live.set(limits)
            self._current = limits
            if not await self._live.taken_up(limits):
                raise ValueError(f"{NOT_TAKEN_UP}: see jitney status; one that is stuck has to be started anew")

    async def test(self, limits: Limits, rate: float) -> Verdict:
        """Of one window where that is clear, else of the majority of three."""
        await self.take_up(limits)
        plan = self._planned(rate)
        sent = [await self._sent(plan)]
        late = self._late(sent, plan)
        if not (late[0] <= CLEARLY_KEPT or late[0] >= CLEARLY_NOT):
            sent = [*sent, *[await self._sent(plan) for _ in range(2)]]
            late = self._late(sent, plan)
        return self._verdict(self._point(limits, plan, sent), late)

    async def confirm(self, limits: Limits, rate: float) -> int:
        """How many of three longer windows keep it."""
        await self.take_up(limits)
        plan = self._planned(rate, LONGER)
        sent = [await self._sent(plan) for _ in range(3)]
        late = self._late(sent, plan)
        self._verdict(self._point(limits, plan, sent), late)
        return sum(share <= LATE for share in late)

    def doubts(self, choice: Choice) -> list[str]:
        """Why a rate that held or failed may say nothing of the server."""
        requests = round(choice.rate * self._seconds(choice.rate))
        few = [f"only {requests} requests in a test: a longer --seconds"] if requests < FEW else []
        found = [one for one in self.points if (one.limits, one.offered.rate) == (choice.limits, choice.fails_at)]
        limits = [one.doubts[0] for one in found if one.doubts]
        limited = bool(found) and len(limits) == len(found)
        return [*few, *([f"where it failed, {limits[0]}: try --processes"] if limited else [])]

    def _planned(self, rate: float, longer: float = 1.0) -> Plan:
        return replace(self.plan, rate=rate, duration=longer * self._seconds(rate), arrivals="counted")

    def _seconds(self, rate: float) -> float:
        return min(max(self.plan.duration, ENOUGH / rate), LONGEST * self.plan.duration)

    async def _sent(self, plan: Plan) -> Sent:
        """Other arrivals each time, the same again in another run."""
        return await send(replace(plan, seed=next(self._seeds)))

    def _late(self, sent: Sequence[Sent], plan: Plan) -> list[float]:
        return [1.0 if behind(one.calls, plan) > BEHIND else late_share(one.calls, plan, self._slo) for one in sent]

    def _verdict(self, point: Point, late: Sequence[float]) -> Verdict:
        kept = sum(share <= LATE for share in late) * 2 > len(late)
        p99 = point.summary.latency.p99 if point.summary.latency else None
        self.points.append(point)
        self._keep(point)
        shown_p99 = "nothing in time" if p99 is None else f"p99 {p99:.1f} ms"
        doubts = "".join(f" ({doubt})" for doubt in point.doubts)
        rate = point.offered.rate or 0.0
        self._say(f"{shown(point.limits)} at {rate:.1f}/s: {shown_p99}, {'kept' if kept else 'not kept'}{doubts}")
        return Verdict(kept=kept, p99=p99)

    def _point(self, limits: Limits, plan: Plan, sent: Sequence[Sent]) -> Point:
        summary = together(sent, plan.warm_up, plan.duration, self._slo)
        windows = [window(summarise(one.calls, plan.warm_up, plan.duration)) for one in sent]
        limit = summary.client_limit
        return Point(
            limits=limits,
            offered=Offered(rate=plan.rate),
            windows=windows,
            summary=summary,
            is_stable=len(sent) == 1 or agree(windows),
            doubts=[f"client: {limit}"] if limit else [],
        )


def late_share(calls: Sequence[Call], plan: Plan, slo: float) -> float:
    """Of the requests that were due while measured: those that came later than `slo` seconds, failed or not at all."""
    due = [call for call in calls if plan.warm_up <= call.due < plan.warm_up + plan.duration]
    within = sum(call.outcome == ANSWERED and call.took <= slo for call in due)
    return 1 - within / len(due) if due else 1.0


def behind(calls: Sequence[Call], plan: Plan) -> float:
    """Share by which fewer were answered than came due, both in the measured time. A server that keeps up has 0 but for
    chance, if the warm-up is as long as a request takes."""
    start, end = plan.warm_up, plan.warm_up + plan.duration
    due = sum(start <= call.due < end for call in calls)
    answered = sum(call.outcome == ANSWERED and start <= call.ended < end for call in calls)
    return max(0.0, 1 - answered / due) if due else 0.0
