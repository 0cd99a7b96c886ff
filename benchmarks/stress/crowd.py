"""A crowd that connects at once beside callers that are served: when is each answered first, and in which order?

    python -m benchmarks crowd
    python -m benchmarks crowd --clients 1024 --beside 256 --seconds 5

Starts everything itself. Each caller keeps one connection and asks again when it is answered. Afterwards is counted how
many answers come from a request to its own: as many as there are callers, 1.00, where who came first is answered first.
That, and the front end's processor time, hold on a machine that others use as well; durations do not.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

from benchmarks.lib import machine
from benchmarks.lib.arguments import above, at_least, parser
from benchmarks.lib.envelope import TEXT, envelope
from benchmarks.lib.http_client import HttpClient, fast_run
from benchmarks.lib.markdown import table
from benchmarks.lib.stack import Child, NotReady, open_stack
from broker.errors import BrokerUnavailable

NAME, MODEL_TIME = "synthetic", "0ms+0ms"
WARM_UP = 1.0  # seconds that those who are there first are served alone


class Refused(Exception):
    """A caller got no answer; the message says what it got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One that was answered."""

    took: float  # seconds, of a caller's first one with the connection
    others: int  # answers to anybody from its beginning to its end, with its own


@dataclass(slots=True, kw_only=True)
class Callers:
    """All that call one front end; `calls` are those of them that are served, in the order of their answers."""

    url: str
    calls: list[Call] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)  # at the end: answers to others since each of these began

    async def keep_calling(self, firsts: list[float]) -> None:
        """Until cancelled. The first answer's duration goes to `firsts`. Raises `Refused`, `OSError`, `ValueError`."""
        with HttpClient(self.url) as client:
            request = client.request(f"/models/{NAME}", envelope([TEXT]))
            firsts.append((await self._call(client, request)).took)
            while True:
                self.calls.append(await self._call(client, request))

    async def _call(self, client: HttpClient, request: bytes) -> Call:
        clock, before = asyncio.get_running_loop().time, len(self.calls)
        began = clock()
        try:
            reply = await client.send(request)
        except asyncio.CancelledError:
            self.unanswered.append(len(self.calls) - before)
            raise
        if reply.status != 200:
            raise Refused(f"status {reply.status}: {reply.body[:200]!r}")
        return Call(took=clock() - began, others=len(self.calls) - before + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a crowd. Durations in seconds."""

    clients: int
    beside: int
    firsts: Sequence[float]  # of the crowd: from when all connect to the first answer of each
    processor: float  # seconds of the front end until the last of these
    calls: Sequence[Call]  # of all callers, afterwards, in so many `seconds`
    unanswered: Sequence[int]  # when these were over: answers to others since each of these requests began
    seconds: float


def main(arguments: Sequence[str]) -> int:
    """0 when all were answered."""
    asked = _read(arguments)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a descriptor a caller, here and in the front end
    try:
        with open_stack() as stack:
            front_end = stack.start_front_end()
            stack.start_batcher(NAME, f"{NAME}:{MODEL_TIME}")
            stack.wait_until_it_answers(front_end, NAME)
            report = fast_run(measure(front_end, asked.clients, asked.beside, asked.seconds))
    except (NotReady, BrokerUnavailable, Refused, OSError, ValueError) as error:
        print(f"python -m benchmarks crowd: {error}", file=sys.stderr)
        return 1
    print(" · ".join(machine.describe().values()))
    print("\n".join(lines(report)))
    return 0


async def measure(front_end: Child, clients: int, beside: int, seconds: float) -> Report:
    """Raises `Refused`, `OSError`, `ValueError` with the first caller that gets no answer."""
    callers, firsts = Callers(url=front_end.url), list[float]()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(callers.keep_calling([])) for _ in range(beside)]
            await asyncio.sleep(WARM_UP)
            before = _used(front_end)
            tasks += [group.create_task(callers.keep_calling(firsts)) for _ in range(clients)]
            while len(firsts) < clients:
                await asyncio.sleep(0.005)
            processor = _used(front_end) - before
            rush = len(callers.calls) + clients + beside  # the requests that are under way began in it
            await asyncio.sleep(seconds)
            for task in tasks:
                task.cancel()
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return Report(
        clients=clients,
        beside=beside,
        firsts=firsts,
        processor=processor,
        calls=callers.calls[rush:],
        unanswered=callers.unanswered,
        seconds=seconds,
    )


def lines(report: Report) -> Iterator[str]:
    """The tables."""
    yield f"\n{report.clients} callers that connect at once beside {report.beside}: their first answers\n"
    first = [f"{share(report.firsts, part):.2f} s" for part in (0.5, 0.99, 1.0)]
    yield from table("median|p99|last|front end's processor time until then", [[*first, f"{report.processor:.2f} s"]])
    callers = report.clients + report.beside
    yield f"\nAfterwards, {callers} callers; other answers that came before one's own, by their number:\n"
    took, others = [call.took for call in report.calls], [call.others / callers for call in report.calls]
    most = max([*others, *(count / callers for count in report.unanswered)])  # one that nobody serves has no answer
    middle, late = share(took, 0.5), share(took, 0.99)
    row = [f"{len(took) / report.seconds:,.0f}", f"{middle:.3f} s", f"{late:.3f} s", f"{late / middle:.2f}"]
    row += [*(f"{share(others, part):.2f}" for part in (0.01, 0.5, 0.99)), f"{most:.2f}"]
    yield from table("answers/s|median|p99|p99 / median|others: p1|median|p99|most, unanswered too", [row])


def share(values: Sequence[float], part: float) -> float:
    """The value that this part of them does not exceed. Raises `ValueError` for none."""
    if not values:
        raise ValueError("nothing was answered; more --seconds, please")
    return sorted(values)[ceil(part * len(values)) - 1]


def _used(front_end: Child) -> float:
    return machine.cpu_seconds({"it": front_end.pid}).get("it", 0.0)


def _read(arguments: Sequence[str]) -> Namespace:
    command = parser("crowd", __doc__)
    add = command.add_argument
    add("--clients", type=above(0), default=1024, help="that connect at once [default: %(default)s]")
    add("--beside", type=at_least(0), default=256, help="that are served already [default: %(default)s]")
    add("--seconds", type=at_least(0.1), default=5.0, help="that are measured afterwards [default: 5]")
    return command.parse_args(arguments)
