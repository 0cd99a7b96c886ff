"""The window and the batch size for a model that runs: found on the live server, ready to be pasted.

python -m benchmarks tune --model synthetic --slo-p99 200ms --max-throughput --out runs/tuned
python -m benchmarks tune --model demo --slo-p99 0.5s --rate 40 --from-lang en --to-lang ja --words 9 --out runs/ja

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

from benchmarks.lib.arguments import above, parser
from benchmarks.lib.http_client import fast_run
from benchmarks.lib.machine import describe
from benchmarks.serving.load import Plan
from benchmarks.tuning.grid import grid, seconds
from benchmarks.tuning.live_limits import LiveLimits
from benchmarks.tuning.records import Run, RunDirectory
from benchmarks.tuning.server import add_options, check, complaint, each, live_limits, plan, refuse_unfit, sent
from benchmarks.tuning.tune.advice import cost, in_words
from benchmarks.tuning.tune.batch_costs import batch_costs
from benchmarks.tuning.tune.cost_fit import Batch
from benchmarks.tuning.tune.trial import Trials
from benchmarks.tuning.tune.tuner import Aim, Instruments, Tuned, tune
from broker.messages import POLICIES, Limits

SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
WINDOWS = [0.002, 0.005, 0.01, 0.02]  # seconds; those longer than half the SLO are left out
UNTRUSTED = 3
TESTS = (12, 60)  # that a tuning takes, at least and at most as a rule
PATIENCE = 4.0  # times the SLO that a request is waited for: it is late long before


def main(arguments: Sequence[str]) -> int:
    """0 found, 1 not, 2 for a command line that cannot be, 3 found and not to be trusted."""
    command = _parser()
    asked = command.parse_args(arguments)
    try:
        tried = grid([window for window in asked.windows if window <= asked.slo_p99 / 2] or [0.0], *_rest(asked))
        sent(asked)
    except (OSError, ValueError) as error:
        command.error(str(error))
    try:
        return _tune(asked, tried)
    except redis.RedisError as error:
        print(complaint("tune", error), file=sys.stderr)
    except (OSError, ValueError) as error:
        print(f"python -m benchmarks tune: {error}", file=sys.stderr)
    return 1


def _rest(asked: argparse.Namespace) -> tuple[list[int], list[int], list[str]]:
    return asked.sizes, asked.tokens, asked.policies


def _tune(asked: argparse.Namespace, tried: list[Limits]) -> int:
    tests = [count * (asked.seconds + 1.0) / 60 for count in TESTS]
    length = f"{tests[0]:.0f} to {tests[1]:.0f} min" if not asked.exhaustive else f"{len(tried) * tests[0]:.0f} min"
    print(f"{len(tried)} settings in the grid, about {length}", file=sys.stderr)
    if asked.dry_run:
        return 0
    with live_limits(asked) as live:
        refuse_unfit(live, asked.model)
        tuned = _tuned(asked, tried, live)
        return _told(asked, tuned, live)


def _tuned(asked: argparse.Namespace, tried: list[Limits], live: LiveLimits) -> Tuned:
    directory = _begun(asked)
    planned = _plan(asked)
    fast_run(check(planned))
    with live.on_trial():
        trials = Trials(live, planned, asked.slo_p99, keep=directory.add, say=_say)
        tuned = fast_run(_on_server(asked, tried, trials, live))
    if tuned.recommendation:
        directory.recommend(tuned.recommendation)
    return tuned


async def _on_server(asked: argparse.Namespace, tried: list[Limits], trials: Trials, live: LiveLimits) -> Tuned:
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

    ours = Instruments(test=trials.test, batches=batches, tokens=live.tokens, confirm=trials.confirm)
    return await tune(tried, aim, ours, _say)


def _told(asked: argparse.Namespace, tuned: Tuned, live: LiveLimits) -> int:
    found = tuned.recommendation
    if found is None:
        best = max((choice.rate for choice in tuned.choices), default=0.0)
        aim = f"{asked.rate:g} requests/s" if asked.rate else "any rate"
        print(f"nothing that was tried keeps {asked.slo_p99 * 1000:g} ms at {aim}; a batch costs {cost(tuned.fit)}")
        print(f"a longer --slo-p99, another batcher, or a lower rate (found: {best:.1f})", file=sys.stderr)
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
    planned = plan(asked, asked.seconds, 1.0, None)
    return replace(planned, timeout=max(1.0, PATIENCE * asked.slo_p99))


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
    add("--windows", type=each(seconds), default=WINDOWS, help="for `fixed` [default: 2ms,5ms,10ms,20ms]")
    add("--sizes", type=each(int), default=SIZES, help="jobs in a batch [default: 1,2,4,8,16,32,64,128,256]")
    add("--tokens", type=each(int), default=[Limits().max_batch_tokens], help="tokens in a batch [default: 16384]")
    add("--policies", type=each(str), default=list(POLICIES), help="[default: all]")
    add("--seconds", type=above(0.0), default=3.0, help="of a test [default: 3; more where few requests come]")
    add("--most", type=above(0), default=10, help="settings of the grid that are tried [default: 10]")
    add("--exhaustive", action="store_true", help="try all of the grid, each as thoroughly as the best")
    add("--out", type=Path, required=True, metavar="DIR", help="where points and the recommendation are written")
    add("--apply", action="store_true", help="leave what was found as the live limits, if it is to be trusted")
    add("--dry-run", action="store_true", help="say how much would be tried, and how long it takes")
    add("--json", action="store_true", help="print the recommendation as JSON")
    return command
