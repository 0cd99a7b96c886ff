"""What every combination of limits brings, tried on a server that runs, through its live limits.

    python -m benchmarks sweep --model synthetic --concurrency 64 --windows 0,5ms --sizes 1,8,64 --out runs/first
    python -m benchmarks sweep --model synthetic --rates 50,100,200 --slo-p99 200ms --sizes 1,8,64 --out runs/second

Needs the front end's URL and, because limits are changed, the broker's with the rights of an operator (docs/acl).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import msgspec
import redis

from benchmarks.lib.arguments import above, each, parser
from benchmarks.lib.http_client import fast_run
from benchmarks.lib.machine import describe
from benchmarks.lib.markdown import table
from benchmarks.load.command import Plan, send
from benchmarks.tuning.grid import grid, seconds, shown
from benchmarks.tuning.live_limits import NOT_TAKEN_UP, SETTLING, LiveLimits
from benchmarks.tuning.records import Offered, Point, Run, RunDirectory
from benchmarks.tuning.report.frontier import load
from benchmarks.tuning.server import (
    WARM_UP,
    add_options,
    check,
    complaint,
    live_limits,
    plan,
    refuse_unfit,
    sent,
    unasked,
)
from benchmarks.tuning.steady import AGREEING, steady
from broker.messages import POLICIES, Limits

Trial = tuple[Limits, Offered]


def main(arguments: Sequence[str]) -> int:
    """0 when something was measured, 1 when nothing was, 2 for a command line that cannot be."""
    command = _parser()
    asked = command.parse_args(arguments)
    try:
        tried = grid(asked.windows, asked.sizes, asked.tokens, asked.policies)
        sent(asked)
    except (OSError, ValueError) as error:
        command.error(str(error))
    loads = _loads(asked)
    if not asked.restore and not loads:
        command.error("--rates or --concurrencies, please")
    if not asked.restore and not asked.dry_run and asked.out is None:
        command.error("--out DIR, please")
    try:
        return _restore(asked) if asked.restore else _sweep(asked, list(product(tried, loads)))
    except redis.RedisError as error:
        print(complaint("sweep", asked, error), file=sys.stderr)
    except (OSError, ValueError) as error:
        print(unasked("sweep", asked, error), file=sys.stderr)
    return 1


def _restore(asked: argparse.Namespace) -> int:
    with live_limits(asked) as live:
        print("the limits from before are back" if live.restore() else f"no limits of {asked.model} are on trial")
    return 0


def _sweep(asked: argparse.Namespace, tried: list[Trial]) -> int:
    least, most = _minutes(asked, AGREEING, tried), _minutes(asked, asked.most, tried)
    print(f"{len(tried)} points, {least} to {most} min", file=sys.stderr)
    if asked.dry_run:
        print("\n".join(map(_shown, tried)))
        return 0
    with live_limits(asked) as live:
        refuse_unfit(live, asked)
        points = _measured(asked, tried, live)
    print(msgspec.json.encode(points).decode() if asked.json else "\n".join(_table(points)))
    return 0 if any(point.summary.answered for point in points) else 1


def _measured(asked: argparse.Namespace, tried: list[Trial], live: LiveLimits) -> list[Point]:
    directory = RunDirectory(asked.out)
    known = _begun(directory, asked)
    fast_run(check(_plan(asked, tried[0][1])))
    with live.on_trial():
        for number, (limits, offered) in enumerate(tried, 1):
            if any((point.limits, point.offered) == (limits, offered) for point in known):
                continue
            live.set(limits)
            print(f"{number} of {len(tried)}: {_shown((limits, offered))}", file=sys.stderr)
            point = fast_run(_point(asked, live, limits, offered))
            directory.add(point)
            known.append(point)
    return known


async def _point(asked: argparse.Namespace, live: LiveLimits, limits: Limits, offered: Offered) -> Point:
    sending = _plan(asked, offered)
    is_taken_up = await live.taken_up(limits)
    found = await steady(lambda: send(sending), sending.warm_up, sending.duration, asked.most, asked.slo_p99)
    return Point(
        limits=limits,
        offered=offered,
        windows=found.windows,
        summary=found.summary,
        is_stable=found.is_stable,
        doubts=[*([] if is_taken_up else [NOT_TAKEN_UP]), *found.doubts],
    )


def _plan(asked: argparse.Namespace, offered: Offered) -> Plan:
    return plan(asked, asked.seconds, offered.rate, offered.concurrency)


def _begun(directory: RunDirectory, asked: argparse.Namespace) -> list[Point]:
    """The points there are already. Raises `ValueError` where they are not to be gone on with."""
    names = ("model", "namespace", "url", "seconds", "seed", "slo_p99")
    workload = sent(asked).in_words()
    settings = {**{name: str(getattr(asked, name)) for name in names}, **workload}
    points = directory.points()
    if points and not asked.resume:
        raise ValueError(f"{directory.path} holds points already: --resume goes on with them")
    if points and directory.read().settings != settings:
        raise ValueError(f"{directory.path} was measured with other settings: {directory.read().settings}")
    if not points:
        run = Run(
            command="sweep",
            model=asked.model,
            workload=workload,
            machine=describe(),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            slo_p99=asked.slo_p99,
            settings=settings,
        )
        directory.write(run)
    return points


def _loads(asked: argparse.Namespace) -> list[Offered]:
    """Each once, in the order in which they were asked for."""
    rates = [Offered(rate=rate) for rate in asked.rates]
    return list(dict.fromkeys([*rates, *(Offered(concurrency=clients) for clients in asked.concurrencies)]))


def _table(points: Iterable[Point]) -> Iterable[str]:
    rows = (
        [shown(one.limits), load(one.offered), f"{one.summary.per_second:.1f}", _p99(one), "; ".join(one.doubts)]
        for one in points
    )
    return table("limits|load|requests/s|p99 ms|doubts", rows)


def _shown(trial: Trial) -> str:
    limits, offered = trial
    return f"{shown(limits)}, {load(offered)}"


def _p99(point: Point) -> str:
    return f"{point.summary.latency.p99:.1f}" if point.summary.latency else "-"


def _minutes(asked: argparse.Namespace, windows: int, tried: list[Trial]) -> str:
    return f"{len(tried) * (SETTLING + windows * (asked.seconds + WARM_UP)) / 60:.1f}"


def _parser() -> argparse.ArgumentParser:
    command = parser("sweep", __doc__)
    add = command.add_argument
    add_options(command)
    closed = "closed loop, as 1,8,64: clients that each wait for their answer"
    add("--concurrencies", "--concurrency", type=each(above(0)), default=[], metavar="CLIENTS", help=closed)
    open_loop = "open loop, as 50,100,200: requests a second; every setting is tried under every load"
    add("--rates", "--rate", type=each(above(0.0)), default=[], metavar="RATES", help=open_loop)
    add("--windows", type=each(seconds), default=[0.0, 0.005], help="for `fixed`, as 0,5ms [default: 0,5ms]")
    add("--sizes", type=each(int), default=[1, 8, 64], help="jobs in a batch [default: 1,8,64]")
    add("--tokens", type=each(int), default=[16384], help="tokens in a batch [default: 16384]")
    add("--policies", type=each(str), default=list(POLICIES), help="[default: all]")
    add("--seconds", type=above(0.0), default=5.0, help="of a window of measuring [default: 5]")
    add("--most", type=above(2), default=6, help="windows a point, unless three agree before [default: 6]")
    add("--slo-p99", type=seconds, metavar="DURATION", help="as 200ms; for the goodput, and a line in the report")
    add("--out", type=Path, metavar="DIR", help="where points are written")
    add("--resume", action="store_true", help="go on with the points of DIR")
    add("--dry-run", action="store_true", help="say what would be tried, and how long it takes")
    add("--restore", action="store_true", help="only put back the limits that a killed sweep has left")
    add("--json", action="store_true", help="print the points as JSON instead of a table")
    return command
