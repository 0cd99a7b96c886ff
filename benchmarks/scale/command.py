"""What one process more brings: 1, 2, 4 front ends on one batcher, and 1, 2, 4 batchers on one lane.

    python -m benchmarks scale --json scale.json

Every point has a stack of its own, and every round has every point. Rates mean something only where the machine has a
core for each process and for wrk; what an answer costs each process in processor time, and how often it asks the
broker, holds on small machines as well.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence

from batcher.models.synthetic import PassTime
from benchmarks.lib import kept, machine
from benchmarks.lib.arguments import above, parser
from benchmarks.lib.stack import NotReady
from benchmarks.scale.contract import Layout, Point, Report
from benchmarks.scale.measure import NotMeasured, measure
from benchmarks.scale.report import tables
from benchmarks.spine import wrk
from broker.errors import BrokerUnavailable

COUNTS = (1, 2, 4)
FREE = "0ms+0ms"  # what front ends are counted with: the model is never what limits


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    values = _read(arguments)
    try:
        shown = kept.deliver(values, Report, lambda: _report(values), tables)
    except (wrk.WrkFailed, NotReady, NotMeasured, BrokerUnavailable, OSError, ValueError) as error:
        print(f"python -m benchmarks scale: {error}", file=sys.stderr)
        return 1
    print("\n".join(shown["scale"]))
    return 0


def layouts(values: Namespace) -> list[Layout]:
    """In the order in which a round measures them."""
    front_ends = [
        Layout(varied="front ends", front_ends=count, batchers=1, pass_time=FREE, connections=values.connections)
        for count in values.counts
    ]
    batchers = [
        Layout(
            varied="batchers",
            front_ends=values.front_ends,
            batchers=count,
            pass_time=values.pass_time,
            connections=values.connections_of_batchers,
        )
        for count in values.counts
    ]
    return [*front_ends, *batchers]


def _report(values: Namespace) -> Report:
    wrk.find()
    return Report(date=time.strftime("%Y-%m-%d"), machine=machine.describe(), points=list(_points(values)))


def _points(values: Namespace) -> Iterator[Point]:
    asked = layouts(values) * values.rounds
    for number, layout in enumerate(asked, 1):
        print(f"{number}/{len(asked)} {layout}", file=sys.stderr, flush=True)
        point = measure(layout, values.seconds)
        print(f"    {point.per_second:,.0f} answers/s", file=sys.stderr, flush=True)
        yield point


def _read(arguments: Sequence[str]) -> Namespace:
    command = parser("scale", __doc__)
    add = command.add_argument
    add("--rounds", type=above(0), default=3, help="times that every point is measured [default: 3]")
    add("--seconds", type=above(0), default=5, help="of load for each point [default: 5]")
    add("--counts", type=above(0), nargs="+", default=COUNTS, help="how many there are in turn [default: 1 2 4]")
    add("--connections", type=above(0), default=256, help="clients where front ends are counted [default: 256]")
    add(
        "--pass-time",
        type=_a_time,
        default="20ms+1ms",
        help="time of their model: a batch + a job [default: %(default)s]",
    )
    add("--front-ends", type=above(0), default=2, help="where batchers are counted [default: 2]")
    add("--connections-of-batchers", type=above(0), default=512, help="clients there [default: 512]")
    kept.add_options(command)
    return command.parse_args(arguments)


def _a_time(text: str) -> str:
    try:
        PassTime.read(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return text
