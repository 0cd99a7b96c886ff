"""What load is asked to send, and how: read from a command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from benchmarks.lib import workload
from benchmarks.lib.arguments import above, at_least, parser
from benchmarks.lib.arrivals import KINDS
from benchmarks.lib.envelope import envelope
from benchmarks.lib.workload import Workload
from benchmarks.load import trace

TRACE_END = 0.001  # seconds after its last request that a trace still lasts


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, and how."""

    url: str
    workload: Workload
    concurrency: int | None  # clients of the closed loop; None for the open one
    rate: float | None  # requests a second of the open loop
    arrivals: str  # poisson | constant | burst
    duration: float  # seconds measured
    warm_up: float  # seconds before that, not measured
    timeout: float  # seconds a request may take from when it was due
    seed: int
    max_in_flight: int
    burst_on: float = 1.0  # seconds of a burst
    burst_off: float = 1.0  # seconds between two
    slo: float | None = None  # seconds from when it was due, for the goodput
    jsonl: str | None = None  # file for a line a request
    replay: trace.Trace | None = None  # instead of a rate: one request each
    offset: float = 0.0  # seconds by which all of the open loop is later
    processes: int = 1  # that send; each has a share of the rate or of the clients

    @property
    def seconds(self) -> float:
        return self.warm_up + self.duration

    @property
    def title(self) -> str:
        several = f", from {self.processes} processes" if self.processes > 1 else ""
        if self.concurrency is not None:
            return (
                f"closed loop, {self.concurrency} client(s), {self.duration:g} s{several} (a client that waits sends "
                "nothing: a stall is seen by the few who are in it, and waiting is hidden)"
            )
        what = f"a trace, {self.duration:g} s of it"
        if self.replay is None:
            what = f"{self.arrivals} arrivals, {self.rate:g}/s, {self.duration:g} s"
        return f"open loop, {what}{several}, from the intended send time"


def bodies(plan: Plan) -> list[bytes]:
    """The bodies to send in turn: every text is used, and the last body is filled up with the first ones."""
    if plan.workload.body is not None:
        return [plan.workload.body]
    if plan.replay is not None:
        return _sized_bodies(plan, plan.replay)
    sent = plan.workload
    filled = [*sent.texts, *islice(cycle(sent.texts), sent.records)]
    starts = range(0, len(sent.texts), sent.records)
    return [envelope(filled[start : start + sent.records], sent.languages) for start in starts]


def _sized_bodies(plan: Plan, replay: trace.Trace) -> list[bytes]:
    """One for each request of the trace; its records are equally long."""
    sent = plan.workload
    texts = cycle(sent.texts)
    return [
        envelope([trace.sized(text, characters) for text in islice(texts, sent.records)], sent.languages)
        for _, characters in replay
    ]


def read_plan(arguments: Sequence[str], description: str = "") -> tuple[Plan, Path | None]:
    """The plan that the command line asks for, and where its summary goes as JSON; `description` is for `--help`."""
    command = parser("load", description)
    add = command.add_argument
    loop = command.add_mutually_exclusive_group(required=True)
    loop.add_argument("--concurrency", type=above(0), help="closed loop: clients that each wait for their answer")
    loop.add_argument("--rate", type=above(0.0), help="open loop: requests a second, whatever comes back")
    loop.add_argument(
        "--replay", type=Path, metavar="FILE", help="open loop: lines of seconds,characters, a request each"
    )
    add("--arrivals", choices=KINDS, default="poisson", help="of the open loop [default: poisson]")
    add("--burst-on", type=above(0.0), default=1.0, help="seconds of each burst [default: 1]")
    add("--burst-off", type=at_least(0.0), default=1.0, help="seconds of silence after each [default: 1]")
    add("--url", default="http://127.0.0.1:9527", help="the front end [default: %(default)s]")
    workload.add_options(command)
    add("--duration", type=above(0.0), help="seconds to measure [default: 10; all of a trace]")
    add("--warm-up", type=at_least(0.0), help="seconds before that, not measured [default: 2; none of a trace]")
    add("--timeout", type=above(0.0), default=10.0, help="seconds for a request from when it was due [default: 10]")
    add("--max-in-flight", type=above(0), default=512, help="of the open loop; more wait, and it counts [default: 512]")
    add("--processes", type=above(0), default=1, help="that send, each with its share of the load [default: 1]")
    add("--slo", type=above(0.0), metavar="SECONDS", help="count the answers within it apart, as goodput")
    add("--jsonl", metavar="FILE", help="write a line there for each request: due, sent, ended, outcome, stages")
    add("--json", type=Path, metavar="FILE", help="write the plan and the summary there as well")
    values = command.parse_args(arguments)
    try:
        _check_folders(values.jsonl, values.json)
        return _plan(values), values.json
    except (OSError, ValueError) as error:
        command.error(str(error))


def _check_folders(*files: str | Path | None) -> None:
    """Before anything is sent. Raises `ValueError`."""
    for file in files:
        if file and not Path(file).parent.is_dir():
            raise ValueError(f"{file} cannot be written: {Path(file).parent} is no folder")


def _plan(values: argparse.Namespace) -> Plan:
    replay = trace.read(values.replay) if values.replay else None
    warm_up, duration = (0.0, replay[-1][0] + TRACE_END) if replay else (2.0, 10.0)
    asked = {name: value for name, value in vars(values).items() if name in Plan.__slots__ and value is not None}
    held = {"warm_up": warm_up, "duration": duration, **asked, "workload": workload.read(values), "replay": replay}
    return Plan(**{"concurrency": None, "rate": None, **held})
