"""How long to wait for those who will come: callers that were just answered and are measured to come back, and whoever
is measured to follow a first job that finds the card idle. Pure.

In a loop of callers a batcher that never waits serves two halves in turns, and each caller waits for two batches; of a
burst it serves the first one alone, and the others wait for it. Where the others come within less time than their
joining saves, it gathers them into one batch. Whether that is better than halves, which overlap our own work with the
model's time, `Trial` finds out.

It knows two ways. Going: a batch is whatever has gathered while the card was busy. Gathering: the window stays open
while those still expected, times what each saves by joining (the fixed part of a batch, the work between batches),
outweigh the wait of those that are here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from batcher.policy.gathering.returns import EDGES, Curve, Returns, Round
from batcher.policy.gathering.trial import Trial
from broker.messages import Speed

SURELY = 0.5  # standard deviations by which fewer are expected than come on average
FEW = 0.3  # jobs: for fewer nobody waits
SOMEBODY = 0.7  # jobs: a first one that comes is worth a look at who else is here
LONG = 3  # work between two batches that a batch must last to be worth staging the next one on a guess
CALLERS = 0.6  # of those who are answered come back, where callers wait for their answers
OFTEN = 0.1  # of the claims lately that found jobs which had come while the card was busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How long to wait for whom."""

    expected: float = 0.0  # jobs that would join
    wait: float = 0.0  # seconds until they are here; 0.0: nobody waits for them
    gain: float = 0.0  # seconds that all of them together are answered sooner


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheringState:
    """What is decided, and from what."""

    gathers: bool  # which way is in use
    expected: float  # jobs that would have joined, as of the last decision
    wait: float  # seconds that this was worth; 0.0: it was not
    rate: float  # jobs a second, lately
    between: float  # seconds between the end of a batch and its answer


class Gathering:
    """Of a card that computes batch by batch. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._returns, self._followers, self._trial = Returns(), Returns(), Trial()
        self._free = 0.0  # when the last batch that was answered had ended
        self._before = 0  # jobs here that had come before the last answer
        self._between = 0.0  # seconds between the end of a batch and its answer
        self._found = 0.0  # share of the claims lately that found jobs which had come while the card was busy
        self._here: deque[int] = deque([0], maxlen=3)  # jobs that were not answered yet, at the claims lately
        self._claimed = 0  # jobs of the last claim
        self._speed = Speed()  # what the fit says of batches
        self._decision = Decision()

    @property
    def gathers(self) -> bool:
        """Which way is in use."""
        return self._trial.is_second

    @property
    def state(self) -> GatheringState:
        """For people."""
        return GatheringState(
            gathers=self.gathers,
            expected=self._decision.expected,
            wait=self._decision.wait,
            rate=self._returns.rate,
            between=self._between,
        )

    # What is seen

    def answered(self, jobs: int, *, ended: float, now: float, stay: float, speed: Speed) -> None:
        """A batch that ended then was answered now; its jobs were here for `stay` seconds, added up."""
        self._speed, self._free = speed, ended
        self._between += 0.1 * (now - ended - self._between)
        if length := self._returns.answered(jobs, now):
            self._trial.note(jobs, seconds=length, stay=stay)

    def claimed(self, came: Sequence[float], *, left: int, now: float, waited: bool, staged: bool) -> None:
        """A claim brought jobs that had come at these times; `waited`: some were there while the card was busy;
        `staged`: it still is."""
        if not staged and self._opens(first := min(came, default=0.0)):
            self._followers.answered(1, first)
        for each in (self._returns, self._followers):
            each.claimed(came, now, are_all=not left)
        self._here.append(len(came) + left + (self._claimed if staged else 0))
        self._before, self._claimed = left, len(came)
        if not self.gathers:
            self._found += 0.1 * (waited - self._found)

    # What is decided

    def most(self, most: int, *, staged: bool) -> int:
        """Jobs that the next batch may have. Going, a card that had nothing to do though its callers come back soon
        parts them into halves, of which one comes back while the other runs: those who are together, and a large and a
        small part, stay so by themselves."""
        here = max(self._here)
        half = (here + 1) // 2
        if self.gathers or staged or here < 2 or half >= most or not self._come_back_soon(half):
            return most
        self._trial.want()
        return half

    def may_stage(self) -> bool:
        """Whether to look for jobs behind a batch that runs, though none was there when it was claimed."""
        if self.gathers or self._found <= OFTEN or self._speed.fixed <= LONG * self._between:
            return False
        self._trial.want()
        return True

    def may_wait(self) -> bool:
        """Whether a first job, or those that are here, may have to wait for others: if not, nobody need look."""
        if self._wait_for_followers(1, 0.0, inf).wait and self._may_gather():
            return True
        last = self._returns.last
        if last is None or last.jobs + self._before < 2:
            return False
        curve, came = self._returns.after(last.jobs), sum(last.came) + (not self._before)
        soon = min(curve.when(came) + self._speed.fixed + 2 * self._between, EDGES[-1])
        return curve.by(soon) - came >= SOMEBODY and self._may_gather()

    def may_wait_behind(self, running: int, most: int) -> bool:
        """Whether a single one would have to wait for these: if not, nobody need look how many are here."""
        return self._wait_behind(running, 1, most).wait > 0.0 and self._may_gather()

    def waits_behind(self, running: int, here: int, most: int) -> bool:
        """Whether those that are here shall wait for those that run, and not start as soon as the card is free."""
        self._before, self._decision = here, self._wait_behind(running, here, most)
        return self._decision.wait > 0.0 and self.gathers

    def wait(self, here: int, now: float, most: int, *, oldest: float = inf) -> float:
        """Seconds that those that are here, the first of them for `oldest`, wait for others; 0.0 closes the window.
        Asked again, it ends."""
        if not here or not self.gathers:
            return 0.0
        followers = self._wait_for_followers(here, oldest, most) if self._opens(now - oldest) else Decision()
        self._decision = followers if followers.wait else self._wait_for_callers(here, now, most)
        return self._decision.wait

    def _come_back_soon(self, jobs: int) -> bool:
        return self._returns.share(2 * (self._speed.fixed + self._speed.per_job * jobs)) > CALLERS

    def _opens(self, first: float) -> bool:
        """Whether a first job that came then found the card idle."""
        return first > self._free > 0.0

    def _wait_for_followers(self, here: int, age: float, most: float) -> Decision:
        curve = self._followers.after(1)
        return self._best(curve, here, most - here, known=max(here, curve.by(age)), at=age, is_own=True)

    def _wait_for_callers(self, here: int, now: float, most: int) -> Decision:
        last = self._returns.last
        if last is None:
            return Decision()
        curve, came, passed = self._returns.after(last.jobs), self._came(last, here), now - last.at
        # Those who take longer than they did are waited for half as long again.
        at = max(2 / 3 * passed, min(passed, curve.when(came)))
        pace = at / passed if passed > 0.0 else 1.0
        room = min(curve.all - came, most - here)
        return self._best(curve, here, room, known=curve.by(at), at=at, pace=max(2 / 3, pace))

    def _came(self, last: Round, here: int) -> int:
        return max(0, here - self._before) + sum(last.came)

    def _may_gather(self) -> bool:
        self._trial.want()
        return self.gathers

    def _wait_behind(self, running: int, here: int, most: int) -> Decision:
        curve = self._returns.after(running)
        return self._best(curve, here, min(curve.all, most - here), ahead=self._between)

    def _best(
        self,
        curve: Curve,
        here: int,
        room: float,
        *,
        known: float = 0.0,
        at: float = 0.0,
        pace: float = 1.0,
        ahead: float = 0.0,
        is_own: bool = False,
    ) -> Decision:
        """The wait that gains most. `known`: jobs of the curve that came by `at`, seconds along it, which is gone along
        at this `pace`; `ahead`: seconds until it begins; `is_own`: those who join wait for the others as well."""
        decision, speed = Decision(), self._speed
        saved = speed.fixed + self._between
        if min(curve.all - known, room) <= FEW:  # mostly so of callers that are alone
            return decision
        for edge, total, noise in zip(EDGES, curve.came, curve.noise, strict=True):
            took = ahead + (edge - at) / pace
            if took > saved:  # the card would be free again by then
                break
            joins = min(total - known, room)
            surely = joins - SURELY * noise
            if edge <= at or surely <= FEW:
                continue
            longer = speed.per_job * surely
            gain, lost = joins * (saved - is_own * took), here * (took + longer)
            # Those who come no faster than jobs come on average are nobody's callers who come back.
            is_worth = surely * (saved - is_own * took) > lost and surely > self._returns.rate * (took + longer)
            if is_worth and gain - lost > decision.gain:
                decision = Decision(expected=joins, wait=took, gain=gain - lost)
        return decision
