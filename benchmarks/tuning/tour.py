"""All about window and size in one go, on a Jitney of its own: a sweep, a tuning, and the report of both.

python -m benchmarks tour --out build/bench

Starts what it needs on the loopback and ends it; under ten minutes. Options that both sweep and tune have may follow
(`--words 9`). Each tour goes into a directory of its own, named by when it began.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from datetime import datetime
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
            return _toured(asked.out / f"{datetime.now():%Y-%m-%dT%H%M%S}", there, asked.rates)
    except (BrokerUnavailable, NotReady) as error:
        print(f"python -m benchmarks tour: {error}", file=sys.stderr)
    return 1


def _toured(out: Path, there: list[str], rates: str) -> int:
    swept, tuned = out / "sweep", out / "tune"
    status = [
        _step("what windows and sizes bring", sweep.main, [*SWEPT, "--rates", rates, *there, "--out", str(swept)]),
        _step("which to run with", tune.main, ["--seconds", "2", *there, "--out", str(tuned)]),
        _step("the sweep as pictures", report.main, [str(swept)]),
        _step("the tuning as pictures", report.main, [str(tuned)]),
    ]
    return next((one for one in status if one not in (0, tune.UNTRUSTED)), max(status))


def _step(title: str, command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    print(f"\n{title}", file=sys.stderr)
    return command(arguments)


def _parser() -> ArgumentParser:
    command = parser("tour", __doc__)
    command.allow_abbrev = False  # --rate is not --rates
    add = command.add_argument
    add("--spec", default="synthetic:20ms+0.5ms", help="the model to serve, as jitney up has it [default: %(default)s]")
    add("--slo-p99", type=seconds, default=0.2, metavar="DURATION", help="[default: 200ms]")
    add("--rates", default="200,800,1400", help="requests a second of the sweep [default: %(default)s]")
    add("--out", type=Path, required=True, metavar="DIR", help="where the directory of this tour is made")
    return command
