"""What callers have used of their policies: ADMIT's part of it in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from broker.messages import REQUEST, AdmitRequest, Allowance, Policy

DAY = 86_400.0  # seconds
LATE = 1.0  # seconds after its deadline that a request under way may end


@dataclass(slots=True)
class Used:
    """Of one policy, by one caller."""

    amount: float = 0.0
    since: float = 0.0  # when that was so, seconds on the broker's clock
    running: dict[str, float] = field(default_factory=dict)  # requests under way → when they end at the latest

    def now(self, policy: Policy, now: float) -> float:
        """How much of the quota is used."""
        if policy.kind == "concurrency":
            self.running = {request: ends for request, ends in self.running.items() if ends > now}
            return float(len(self.running))
        if policy.kind == "day":
            return 0.0 if self.since // DAY < now // DAY else self.amount
        if self.since > now:  # a clock that went back
            self.since = now
        return max(0.0, self.amount - (now - self.since) * policy.quota / policy.window)


class Throttle:
    """Every caller's."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], Used] = {}
        self.refused: dict[str, int] = {}  # caller, colon, policy → requests

    def refused_by(self, request: AdmitRequest, now: float) -> tuple[int, float] | None:
        """The place of the policy that does not allow it, and in how many seconds it will."""
        for place, policy in enumerate(request.policies):
            wait = self._wait(request, policy, now)
            if wait > 0.0:
                name = f"{request.caller.partition('@')[0]}:{policy.name}"
                self.refused[name] = self.refused.get(name, 0) + 1
                return place, wait
        return None

    def charge(self, request: AdmitRequest, now: float) -> None:
        for policy in request.policies:
            used = self._of(request, policy)
            amount = used.now(policy, now) + _amount(request, policy)
            since = max(used.since, now) if policy.kind == "day" else now
            used.amount, used.since = amount, since
            if policy.kind == "concurrency":
                used.running[request.jobs[0].id[:REQUEST]] = now + request.time_left + LATE

    def allowances(
        self, request: AdmitRequest, now: float, place: int | None = None, wait: float = 0.0
    ) -> Sequence[Allowance]:
        """What is left of each; of the one that refuses, when there is enough."""
        found: list[Allowance] = []
        for at, policy in enumerate(request.policies):
            used = self._of(request, policy).now(policy, now)
            reset = wait if at == place else _reset(policy, used, now)
            found.append(Allowance(left=max(0, math.floor(policy.quota - used)), reset=math.ceil(reset * 1000) / 1000))
        return tuple(found)

    def end(self, caller: str, ids: str) -> None:
        for (name, _), used in self._used.items():
            if name == caller:
                used.running.pop(ids, None)

    def _of(self, request: AdmitRequest, policy: Policy) -> Used:
        return self._used.setdefault((request.caller, policy.name), Used())

    def _wait(self, request: AdmitRequest, policy: Policy, now: float) -> float:
        used = self._of(request, policy).now(policy, now)
        over = used + _amount(request, policy) - policy.quota
        if over <= 0:
            return 0.0
        if policy.kind == "rate":
            return min(over, used) * policy.window / policy.quota
        return 1.0 if policy.kind == "concurrency" else _reset(policy, used, now)


def _amount(request: AdmitRequest, policy: Policy) -> int:
    jobs = request.jobs
    return {"requests": 1, "jobs": len(jobs), "tokens": sum(job.cost for job in jobs)}[policy.unit]


def _reset(policy: Policy, used: float, now: float) -> float:
    if policy.kind == "concurrency":
        return 0.0
    return DAY - now % DAY if policy.kind == "day" else used * policy.window / policy.quota
