"""The window and the batch size for a model that runs: found on the live server, ready to be pasted.

python -m benchmarks tune --model synthetic --slo-p99 200ms --max-throughput --out runs/tuned
python -m benchmarks tune --model translation --slo-p99 0.5s --rate 40 --from-lang en --to-lang ja --words 9 --out runs

Needs the front end's URL and, because limits are changed, the broker's with the rights of an operator (docs/acl).
Status 0: found; 1: nothing keeps the SLO, or the server could not be asked; 3: found, and not to be trusted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import redis

from benchmarks.lib.arguments import above, each, parser
from benchmarks.lib.http_client import fast_run
from benchmarks.lib.machine import describe
from benchmarks.load.command import Plan
from benchmarks.tuning.grid import grid, seconds, shown
from benchmarks.tuning.live_limits import LiveLimits
from benchmarks.tuning.records import Run, RunDirectory
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
from benchmarks.tuning.tune.advice import cost, in_words
from benchmarks.tuning.tune.batch_costs import batch_costs
from benchmarks.tuning.tune.cost_fit import Batch
from benchmarks.tuning.tune.trial import Trials
from benchmarks.tuning.tune.tuner import Aim, Instruments, Tuned, tune
from broker.messages import POLICIES, Limits

SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
WINDOWS = [0.002, 0.005, 0.01, 0.02]  # seconds
UNTRUSTED = 3
TESTS = (12, 80)  # windows that a tuning takes, at least and at most as a rule
PATIENCE = 4.0  # times the SLO that a request is waited for: it is late long before


def main(arguments: Sequence[str]) -> int:
    """0 found, 1 not, 2 for a command line that cannot be, 3 found and not to be trusted."""
    command = _parser()
    asked = command.parse_args(arguments)
    try:
        tried = grid(asked.windows or _windows(asked.slo_p99), asked.sizes, asked.tokens, asked.policies)
        if sent(asked).body is not None:
            raise ValueError("--body is one batch only: tune needs texts, see --text, --texts-file and --words")
        if asked.slo_p99 <= 0:
            raise ValueError("--slo-p99 must be above 0")
    except (OSError, ValueError) as error:
        command.error(str(error))
    try:
        return _tune(asked, tried)
    except redis.RedisError as error:
        _say(complaint("tune", asked, error))
    except (OSError, ValueError) as error:
        _say(unasked("tune", asked, error))
    return 1


def _tune(asked: argparse.Namespace, tried: list[Limits]) -> int:
    _say(f"{len(tried)} settings in the grid, {_minutes(asked, len(tried))}; longer where few requests come")
    if asked.dry_run:
        _say("; ".join(map(shown, tried)))
        return 0
    with live_limits(asked) as live:
        refuse_unfit(live, asked)
        tuned = _tuned(asked, tried, live)
        return _told(asked, tuned, live)


def _tuned(asked: argparse.Namespace, tried: list[Limits], live: LiveLimits) -> Tuned:
    directory = _begun(asked)
    planned = _plan(asked)
    fast_run(check(planned))
    current = live.announced()
    with live.on_trial():
        trials = Trials(live, planned, asked.slo_p99, keep=directory.add, say=_say)
        tuned = fast_run(_on_server(asked, tried, current, trials, live))
    if tuned.recommendation:
        directory.recommend(tuned.recommendation)
    return tuned


async def _on_server(
    asked: argparse.Namespace, tried: list[Limits], current: Limits, trials: Trials, live: LiveLimits
) -> Tuned:
    widest = Limits(max_batch_size=max(asked.sizes), max_batch_tokens=max(asked.tokens))
    aim = Aim(
        slo=asked.slo_p99,
        rate=asked.rate,
        records=asked.records,
        most=asked.most,
        is_exhaustive=asked.exhaustive,
    )

    async def batches(largest: int) -> list[Batch]:
        await trials.take_up(widest)
        return await batch_costs(trials.plan, largest)

    ours = Instruments(
        test=trials.test,
        batches=batches,
        tokens=live.tokens,
        confirm=trials.confirm,
        doubts=trials.doubts,
    )
    return await tune(tried, current, aim, ours, _say)


def _windows(slo: float) -> list[float]:
    """Those that leave time for a batch; `grid` wants one."""
    return [window for window in WINDOWS if window <= slo / 2] or [0.0]


def _minutes(asked: argparse.Namespace, settings: int) -> str:
    test = (asked.seconds + max(WARM_UP, asked.slo_p99)) / 60
    least, most = (settings * TESTS[0] * test,) * 2 if asked.exhaustive else (count * test for count in TESTS)
    return f"about {least:.0f} min" if least == most else f"{least:.0f} to {most:.0f} min"


def _told(asked: argparse.Namespace, tuned: Tuned, live: LiveLimits) -> int:
    found = tuned.recommendation
    if found is None:
        aim = f"{asked.rate:g} requests/s" if asked.rate else "any rate"
        _say(f"nothing that was tried keeps {asked.slo_p99 * 1000:g} ms at {aim}; a batch costs {cost(tuned.fit)}")
        for doubt in sorted({doubt for choice in tuned.choices for doubt in choice.doubts}):
            _say(f"NOT TO BE TRUSTED: {doubt}")
        _say("what helps: a longer --slo-p99, a lower rate, another card, a machine that does nothing else")
        return 1
    print(msgspec.json.encode(found).decode() if asked.json else "\n".join(in_words(found, tuned.choices)))
    if asked.apply and not found.doubts:
        live.apply(found.best.limits)
        _say("applied: these are the live limits now")
    elif asked.apply:
        _say("not applied, for it is not to be trusted")
    return UNTRUSTED if found.doubts else 0


def _begun(asked: argparse.Namespace) -> RunDirectory:
    directory = RunDirectory(asked.out)
    if directory.points():
        raise ValueError(f"{directory.path} holds points already: name another one")
    directory.write(
        Run(
            command="tune",
            model=asked.model,
            workload={**sent(asked).in_words(), "arrivals": "counted"},
            machine=describe(),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            slo_p99=asked.slo_p99,
            settings={name: str(getattr(asked, name)) for name in ("rate", "sizes", "windows", "tokens", "seconds")},
        )
    )
    return directory


def _plan(asked: argparse.Namespace) -> Plan:
    """As much warm-up as a request may take: then as many come back in the measured time as are due in it."""
    planned = plan(asked, asked.seconds, 1.0, None)
    return replace(planned, warm_up=max(WARM_UP, asked.slo_p99), timeout=max(1.0, PATIENCE * asked.slo_p99))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    command = parser("tune", __doc__)
    add = command.add_argument
    add_options(command)
    add("--slo-p99", type=seconds, required=True, metavar="DURATION", help="99 %% are to be answered within it: 200ms")
    aim = command.add_mutually_exclusive_group()
    aim.add_argument("--rate", type=above(0.0), help="requests a second to carry, as soon as may be")
    aim.add_argument("--max-throughput", action="store_true", help="as many as may be within the SLO [the default]")
    add("--windows", type=each(seconds), help="for `fixed` [default: 2ms,5ms,10ms,20ms up to half the SLO]")
    add("--sizes", type=each(int), default=SIZES, help="jobs in a batch [default: 1,2,4,8,16,32,64,128,256]")
    add("--tokens", type=each(int), default=[Limits().max_batch_tokens], help="tokens in a batch [default: 16384]")
    add("--policies", type=each(str), default=list(POLICIES), help=f"[default: {','.join(POLICIES)}]")
    add("--seconds", type=above(0.0), default=3.0, help="of a test [default: 3; more where few requests come]")
    add("--most", type=above(0), default=10, help="settings of the grid that are tried [default: 10]")
    add("--exhaustive", action="store_true", help="try all of the grid, each as thoroughly as the best")
    add("--out", type=Path, required=True, metavar="DIR", help="where points and the recommendation are written")
    add("--apply", action="store_true", help="leave what was found as the live limits, if it is to be trusted")
    add("--dry-run", action="store_true", help="say how much would be tried, and how long it takes")
    add("--json", action="store_true", help="print the recommendation as JSON")
    return command
