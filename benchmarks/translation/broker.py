"""Engines behind the same broker: the tokens a second that each answers with the same p99, under Poisson arrivals.

The p99 asked for is the time that the rival takes for a full batch of requests that come at once: on any machine, the
engine that is compared with says what is slow.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.lib import machine
from benchmarks.lib.arrivals import schedule
from benchmarks.lib.loops import Sender
from benchmarks.lib.stack import NAMESPACE, NotReady, Stack, open_stack
from benchmarks.lib.summary import ANSWERED, percentile
from benchmarks.translation.callers import Callers, callers
from benchmarks.translation.ctranslate2 import DIRECTORY
from benchmarks.translation.search import Probe, best, next_rate
from benchmarks.translation.sentences import Sentence, tokens

READY_LIMIT = 120.0  # seconds; torch and the weights
QUIET_LIMIT = 120.0  # seconds until what an overload has left is gone
LOST = 0.01  # share of requests that may miss the bound: that is what p99 says
MOST_IN_FLIGHT = 5_000
START = 0.6  # of what a flood of requests is worked off with: where the search begins
WATCH_EVERY = 0.2  # seconds
SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long to look, and for what."""

    sentences: Sequence[Sentence]  # in order of arrival, over and over
    bound: float | None = None  # seconds: the p99 that is asked for; None: what the flood takes
    probes: int = 5  # runs of each engine
    requests: int = 150  # measured in one run
    least: float = 15.0  # seconds of one run
    most: float = 45.0
    flood: int = 64  # requests at once, which show where to begin


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedEngine:
    """An engine behind the broker: how a batcher is told of it."""

    name: str
    spec: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What was found of one engine."""

    name: str
    flood: float  # tokens a second while all requests wait at once
    bound: float  # seconds
    probes: Sequence[Probe]
    alike: Sequence[Probe] = ()  # runs at rates that others were best at

    @property
    def best(self) -> Probe | None:
        return best(self.probes)


def engines(checkpoint: Path, converted: Path) -> dict[str, ServedEngine]:
    """All that are compared, one thread each."""
    os.environ[DIRECTORY] = str(converted)
    ours = f"translation:{checkpoint},beams=1,guard=off,threads=1,device=cpu"
    theirs = "benchmarks.translation.ctranslate2:CTranslate2Model,threads=1"
    specs = {
        "hf fp32": f"{ours},engine=reference",
        "jitney fp32": ours,
        "ctranslate2 int8": f"{theirs},dtype=int8",
        "jitney int8": f"{ours},dtype=int8",
    }
    return {name: ServedEngine(name=name, spec=spec) for name, spec in specs.items()}


def search(engine: ServedEngine, plan: Plan, say: Callable[[str], None], also: Sequence[float] = ()) -> SearchResult:
    """A stack of its own, with one batcher. `also`: rates to run besides."""
    with open_stack() as stack:
        name = engine.name.replace(" ", "-")
        stack.start_batcher(name, engine.spec, *engine.options)
        try:
            return asyncio.run(_search(stack, name, engine, plan, say, also))
        except TimeoutError as error:
            raise NotReady(f"{engine.name} does not answer\n{stack.said()}") from error


async def _search(
    stack: Stack, name: str, engine: ServedEngine, plan: Plan, say: Callable[[str], None], also: Sequence[float]
) -> SearchResult:
    async with callers(stack.broker.url, NAMESPACE, name, ready_limit=READY_LIMIT) as clients:
        await _quiet(clients, plan)
        flood, seconds = await _flood(clients, plan)
        say(f"{engine.name}: {flood:.0f} tokens/s of {plan.flood} requests at once, in {seconds:.1f} s")
        bound = plan.bound or seconds

        async def run(rate: float) -> Probe:
            probe = await _run(clients, stack, plan, bound, rate)
            say(f"{engine.name}: {_line(probe, bound)}")
            await _quiet(clients, plan)
            return probe

        found: list[Probe] = []
        start = START * flood * len(plan.sentences) / tokens(plan.sentences)
        while len(found) < plan.probes:
            found.append(await run(next_rate(found, start)))
        alike = [await run(rate) for rate in also]
    return SearchResult(name=engine.name, flood=flood, bound=bound, probes=found, alike=alike)


async def _quiet(clients: Callers, plan: Plan) -> None:
    """Lone requests, the second of which finds an empty card."""
    for _ in range(2):
        answer = await clients.ask(plan.sentences[0], QUIET_LIMIT)
        if answer.outcome != ANSWERED:
            raise NotReady(f"a lone request came back as: {answer.outcome}")


async def _flood(clients: Callers, plan: Plan) -> tuple[float, float]:
    """(tokens a second, seconds until the last is answered)."""
    sent = [plan.sentences[number % len(plan.sentences)] for number in range(plan.flood)]
    started = time.perf_counter()
    await asyncio.gather(*(clients.ask(sentence, QUIET_LIMIT) for sentence in sent))
    seconds = time.perf_counter() - started
    return tokens(sent) / seconds, seconds


async def _run(clients: Callers, stack: Stack, plan: Plan, bound: float, rate: float) -> Probe:
    """Requests at this rate, until all are answered or too many have missed the bound."""
    # The first to come find an empty card, so as many seconds as an answer may take are not measured.
    warm_up, seconds = bound, min(plan.most, max(plan.least, plan.requests / rate))
    dues = list(schedule(rate, warm_up + seconds, "poisson", SEED))
    sender = Sender(send=lambda number, left: clients.ask(_of(plan, number), left), timeout=bound)
    started, used = time.perf_counter(), machine.cpu_seconds(stack.pids())
    sending = asyncio.create_task(sender.open(dues, MOST_IN_FLIGHT))
    await _until_done_or_lost(sending, sender, most=LOST * sum(due >= warm_up for due in dues), warm_up=warm_up)
    took, use = time.perf_counter() - started, machine.cpu_seconds(stack.pids())
    busy = {title: (use[title] - used.get(title, 0.0)) / took for title in use}
    measured = {number: due for number, due in enumerate(dues) if due >= warm_up}
    probe = _summary(sender, plan, measured, seconds)
    batchers = sum(cores for title, cores in busy.items() if title.startswith("batcher"))
    return replace(probe, rate=rate, busy=batchers, callers_busy=busy["benchmark"])


def _of(plan: Plan, number: int) -> Sentence:
    return plan.sentences[number % len(plan.sentences)]


async def _until_done_or_lost(sending: asyncio.Task[None], sender: Sender, *, most: float, warm_up: float) -> None:
    """No need to go on once more requests than `most` have come too late."""
    while not sending.done():
        await asyncio.wait([sending], timeout=WATCH_EVERY)
        if sum(call.outcome != ANSWERED and call.due >= warm_up for call in sender.calls) > most:
            sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending


def _summary(sender: Sender, plan: Plan, measured: Mapping[int, float], seconds: float) -> Probe:
    calls = [call for call in sender.calls if call.due >= min(measured.values())]
    took = sorted(call.took for call in calls if call.outcome == ANSWERED)
    in_time = len(took) / len(measured)
    return Probe(
        rate=0.0,
        tokens=in_time * tokens([_of(plan, number) for number in measured]) / seconds,
        in_time=in_time,
        met=in_time >= 1 - LOST,
        requests=len(measured),
        p50=percentile(took, 0.5) if took else None,
        p99=percentile(took, 0.99) if took else None,
        late=percentile(sorted(call.late for call in calls), 0.99) if calls else None,
    )


def _line(probe: Probe, bound: float) -> str:
    verdict = "met" if probe.met else "missed"
    p99 = "-" if probe.p99 is None else f"{probe.p99:.2f}"
    return (
        f"{probe.rate:.2f} requests/s: p99 ≤ {bound:.1f} s {verdict} "
        f"({probe.in_time:.1%} of {probe.requests} in time, p99 of these {p99} s), {probe.tokens:.0f} tokens/s; "
        f"cores: batcher {probe.busy:.2f}, callers {probe.callers_busy:.2f}"
    )
