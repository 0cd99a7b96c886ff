"""One stretch of load on servers of our own: what came back, and what each process spent on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.lib.envelope import TEXT
from benchmarks.lib.http_client import fast_run
from benchmarks.lib.stack import Child, Stack
from benchmarks.lib.summary import ANSWERED, Summary
from benchmarks.lib.workload import Workload
from benchmarks.load.command import summarised
from benchmarks.load.plan import Plan
from benchmarks.load.sending import send_alone
from benchmarks.spent.counting import spent_on

IN_FLIGHT = 4096  # requests: a server that is overloaded is not to be taken for a client that is


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Clients that each wait for their answer, or requests a second whatever comes back: one of the two."""

    clients: int | None = None
    rate: float | None = None

    @property
    def title(self) -> str:
        if self.rate is not None:
            return f"{self.rate:g}/s"
        return f"{self.clients} client{'s' if self.clients != 1 else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Of one stretch, in seconds."""

    warm_up: float
    duration: float
    timeout: float  # of a request


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What one load came to."""

    summary: Summary
    cpu: Mapping[str, float]  # processor µs an answer, by the title of each process that serves
    commands: float  # of the broker an answer, those inside scripts included
    others: float  # cores that processes other than ours kept busy


def measure(
    stack: Stack,
    server: Child,
    name: str,
    load: Load,
    times: Times,
    *,
    serving: Collection[str],
    texts: Sequence[str] = (TEXT,),
) -> Stretch:
    """POST /models/`name` of this server, a record a request. Raises `OSError` when it hangs up on everybody.

    `serving`: the titles of the processes that do. Others of the stack wait meanwhile, and are no part of the cost.
    """
    plan = _plan(server.url, Workload(path=f"/models/{name}", texts=texts, records=1, languages=None), load, times)
    sent, spent = spent_on(lambda: fast_run(send_alone(plan)), stack)
    answers = sum(call.outcome == ANSWERED for call in sent.calls)
    return Stretch(
        summary=summarised(plan, sent),
        cpu=per_answer(spent.cpu, answers, serving),
        commands=spent.commands / max(1, answers),
        others=spent.others,
    )


def per_answer(cpu: Mapping[str, float], answers: int, serving: Collection[str]) -> dict[str, float]:
    """Microseconds, of these processes."""
    return {title: 1e6 * seconds / max(1, answers) for title, seconds in cpu.items() if title in serving}


def _plan(url: str, workload: Workload, load: Load, times: Times) -> Plan:
    return Plan(
        url=url,
        workload=workload,
        concurrency=load.clients,
        rate=load.rate,
        arrivals="poisson",
        duration=times.duration,
        warm_up=times.warm_up,
        timeout=times.timeout,
        seed=0,
        max_in_flight=IN_FLIGHT,
    )
