"""All about window and size in one go, on a Jitney of its own: a sweep, a tuning, and the report of both.

python -m benchmarks tour --out build/bench

Starts what it needs on the loopback and ends it; under ten minutes. Other options are those of sweep and tune
(`--words 9`).
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lib.arguments import parser
from benchmarks.lib.stack import NAMESPACE, NotReady, open_stack
from benchmarks.tuning import sweep
from benchmarks.tuning.grid import seconds
from benchmarks.tuning.report import command as report
from benchmarks.tuning.tune import command as tune
from broker.errors import BrokerUnavailable

NAME = "toured"
SWEPT = ["--sizes", "8,64,256", "--windows", "5ms", "--seconds", "1.5", "--most", "4"]


def main(arguments: Sequence[str]) -> int:
    """0 when all was made, 3 when what was found is not to be trusted, else what the failing step ends with."""
    asked, others = _parser().parse_known_args(arguments)
    try:
        with open_stack() as stack:
            stack.start_batcher(NAME, asked.spec)
            front_end = stack.start_front_end()
            stack.wait_until_it_answers(front_end, NAME)
            broker = ["--redis-url", stack.broker.url, "--namespace", NAMESPACE]
            there = ["--model", NAME, "--url", front_end.url, *broker, "--slo-p99", f"{asked.slo_p99}s", *others]
            return _toured(asked.out, there, asked.rates)
    except (BrokerUnavailable, NotReady) as error:
        print(f"python -m benchmarks tour: {error}", file=sys.stderr)
    return 1


def _toured(out: Path, there: list[str], rates: str) -> int:
    swept, tuned = out / "sweep", out / "tune"
    steps = [
        ("what windows and sizes bring", lambda: sweep.main([*there, *SWEPT, "--rates", rates, "--out", str(swept)])),
        ("which to run with", lambda: tune.main([*there, "--seconds", "2", "--out", str(tuned)])),
        (f"the sweep as pictures: {swept}/report.html", lambda: report.main([str(swept)])),
        (f"the tuning as pictures: {tuned}/report.html", lambda: report.main([str(tuned)])),
    ]
    worst = 0
    for number, (title, step) in enumerate(steps, 1):
        print(f"\n{number} of {len(steps)}: {title}", file=sys.stderr)
        status = step()
        if status not in (0, tune.UNTRUSTED):
            return status
        worst = max(worst, status)
    return worst


def _parser() -> ArgumentParser:
    command = parser("tour", __doc__)
    add = command.add_argument
    add("--spec", default="synthetic:20ms+0.5ms", help="the model to serve, as jitney up has it [default: %(default)s]")
    add("--slo-p99", type=seconds, default=0.2, metavar="DURATION", help="[default: 200ms]")
    add("--rates", default="200,800,1400", help="requests a second of the sweep [default: %(default)s]")
    add("--out", type=Path, required=True, metavar="DIR", help="where sweep/ and tune/ are written")
    return command
