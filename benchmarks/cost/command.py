"""What a job costs in processor time and in latency: by how many jobs wait (10 to 100,000), how long its text is
(10 to 10,000 characters), how many records its request holds (1 to 256), how many jobs its batch holds (1 to 64).

    python -m benchmarks cost --json cost.json

The model takes no time, so that all that is spent is ours. It ends in a few constants, and in what one front end, one
broker and one batcher do at most by them: docs/scaling.md says what they are for.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence

from benchmarks.cost import standing
from benchmarks.cost.contract import NotMeasured, Report, Sent, Sized, Waiting
from benchmarks.cost.report import tables
from benchmarks.cost.whole_path import WholePath
from benchmarks.lib import kept, machine
from benchmarks.lib.arguments import above, parser
from benchmarks.lib.stack import NotReady, open_stack
from benchmarks.spine import wrk
from broker.errors import BrokerUnavailable

RECORDS = (1, 4, 16, 64, 256)
CHARACTERS = (10, 100, 1_000, 10_000)
BACKLOGS = (10, 100, 1_000, 10_000, 100_000)
SIZES = (1, 4, 16, 64)  # in this order: the last is what batchers begin with
A_TEXT = 33  # characters
JOBS_A_SIZE = 1024  # of a backlog that is worked off in batches of one; larger batches get more
MOST_JOBS = 16_384
TURNS = 200  # batches that are claimed while a backlog stands


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    values = _read(arguments)
    try:
        shown = kept.deliver(values, Report, lambda: _report(values), tables)
    except (wrk.WrkFailed, NotReady, NotMeasured, BrokerUnavailable, OSError, ValueError) as error:
        print(f"python -m benchmarks cost: {error}", file=sys.stderr)
        return 1
    print("\n".join([*shown["cost"], "", *shown["constants"]]))
    return 0


def _report(values: Namespace) -> Report:
    wrk.find()
    rounds = [_round(values, number) for number in range(values.rounds)]
    return Report(
        date=time.strftime("%Y-%m-%d"),
        machine=machine.describe(),
        sent=[row for sent, _, _ in rounds for row in sent],
        sized=[row for _, sized, _ in rounds for row in sized],
        waiting=[row for _, _, waiting in rounds for row in waiting],
    )


def _round(values: Namespace, number: int) -> tuple[list[Sent], list[Sized], list[Waiting]]:
    """On a stack of its own."""
    with open_stack() as stack:
        path = WholePath(stack)
        path.wait_until_it_answers()
        _say(f"round {number + 1} of {values.rounds}")
        return list(_sent(path, values.seconds)), list(_sized(path)), list(_waiting(path, values.backlogs))


def _sent(path: WholePath, seconds: int) -> Iterator[Sent]:
    for records in RECORDS:
        _say(f"    {records} records a request")
        yield path.send("records", records, A_TEXT, seconds)
    for characters in CHARACTERS:
        _say(f"    {characters} characters")
        yield path.send("characters", 1, characters, seconds)


def _sized(path: WholePath) -> Iterator[Sized]:
    for size in SIZES:
        _say(f"    batches of {size}")
        path.limit_batches(size)
        yield Sized(size=size, run=path.work_off(min(MOST_JOBS, JOBS_A_SIZE * size)))


def _waiting(path: WholePath, backlogs: Sequence[int]) -> Iterator[Waiting]:
    for backlog in backlogs:
        _say(f"    {backlog} jobs that wait")
        yield Waiting(backlog=backlog, run=path.work_off(backlog), standing=standing.measure(backlog, TURNS))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _read(arguments: Sequence[str]) -> Namespace:
    command = parser("cost", __doc__)
    add = command.add_argument
    add("--rounds", type=above(0), default=2, help="times that everything is measured [default: 2]")
    add("--seconds", type=above(0), default=3, help="of load from many clients, each time [default: 3]")
    add("--backlogs", type=above(0), nargs="+", default=BACKLOGS, help="jobs that wait [default: 10 … 100000]")
    kept.add_options(command)
    return command.parse_args(arguments)
