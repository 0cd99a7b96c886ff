"""A plan shared out to several processes, and what they sent as one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.load.plan import Plan
from benchmarks.load.sending import Sent


def shares(plan: Plan) -> list[Plan]:
    """One for each process; together they send what the plan says. Never more than there are clients or requests."""
    whole = plan.concurrency or (len(plan.replay) if plan.replay else plan.processes)
    count = min(plan.processes, whole)
    return [_share(plan, number, count) for number in range(count)]


def _share(plan: Plan, number: int, count: int) -> Plan:
    """Poisson arrivals are drawn apart: together they are poisson again. Constant ones take turns."""
    clients, rate, replay = plan.concurrency, plan.rate, plan.replay
    texts = plan.workload.texts
    first = number * len(texts) // count
    return replace(
        plan,
        workload=replace(plan.workload, texts=[*texts[first:], *texts[:first]]),
        concurrency=clients and clients // count + (number < clients % count),
        rate=rate and rate / count,
        replay=replay and replay[number::count],
        offset=number / rate if rate and plan.arrivals == "constant" else 0.0,
        seed=plan.seed * count + number,
        max_in_flight=max(1, plan.max_in_flight // count),
        processes=1,
    )


def together(sent: Sequence[Sent]) -> Sent:
    """All calls in the order in which they ended; the process that worked hardest is the one that may limit."""
    calls = sorted((call for one in sent for call in one.calls), key=lambda call: call.ended)
    return Sent(calls=calls, busy=max(one.busy for one in sent))
