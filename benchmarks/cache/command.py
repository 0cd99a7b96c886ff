"""What answers given before bring, and what a cache and a history cost a request that nobody asked before.

    python -m benchmarks cache [--model translation:demo/translation] [--json FILE]

One batcher, and a front end for each form: with nothing, with a cache, with a cache and its server, with a history
(without its writer: rows wait at the broker). They take turns under the same load, in one run.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.cache.load import Load, NotMeasured
from benchmarks.cache.report import HISTORY, MEMORY, OFF, SERVER, Report, Run, tables, turns
from benchmarks.lib import kept, machine
from benchmarks.lib.arguments import above, parser
from benchmarks.lib.http_client import fast_run
from benchmarks.lib.stack import Child, NotReady, Stack, open_stack
from benchmarks.lib.summary import spread
from benchmarks.spent.counting import spent_on
from broker.embedded import embedded_server
from broker.errors import BrokerUnavailable

NAME = "measured"
WARM_UP = 0.5  # seconds of each run that do not count
BYTES = "268435456"  # of each cache
EVICTS = ["--maxmemory", BYTES, "--maxmemory-policy", "allkeys-lru"]


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    command = parser("cache", __doc__)
    add = command.add_argument
    add("--model", default="classification:demo/classification", help="of the batcher [%(default)s]")
    add("--rounds", type=above(0), default=6, help="runs of each form [%(default)s]")
    add("--seconds", type=above(0.0), default=2.0, help="of a run [%(default)s]")
    add("--clients", type=above(0), default=32, help="that ask again as soon as they are answered [%(default)s]")
    kept.add_options(command)
    values = command.parse_args(arguments)
    try:
        shown = kept.deliver(
            values, Report, lambda: measure(values.model, values.rounds, values.seconds, values.clients), tables
        )
    except (NotReady, NotMeasured, BrokerUnavailable, OSError, ValueError) as error:
        print(f"python -m benchmarks cache: {error}", file=sys.stderr)
        return 1
    print("\n".join(line for lines in shown.values() for line in lines))
    return 0


def measure(model: str, rounds: int, seconds: float, clients: int) -> Report:
    """Raises `NotReady`, `NotMeasured`, `BrokerUnavailable`."""
    languages = ("en", "ja") if model.startswith("translation:") else None
    with open_stack() as stack:
        stack.start_batcher(NAME, model)
        front_ends = _front_ends(stack)
        for front_end in front_ends.values():
            stack.wait_until_it_answers(front_end, NAME, languages)
        fast_run(Load(f"{front_ends[MEMORY].url}/models/{NAME}", 100, languages).ask_before())
        runs = []
        for number, share, form in turns(rounds):
            load = Load(f"{front_ends[form].url}/models/{NAME}", share, languages)
            runs.append(_run(stack, front_ends[form], load, (number, form), seconds, clients))
        about = {**machine.describe(), "broker": stack.broker.kind}
    date = datetime.now(UTC).date().isoformat()
    return Report(date=date, machine=about, model=_without_path(model), clients=clients, runs=runs)


def _front_ends(stack: Stack) -> dict[str, Child]:
    cache = stack.cleanup.enter_context(embedded_server(options=EVICTS, environ={}))
    stack.environ["JITNEY_HASH_SECRET"] = secrets.token_hex(32)
    options: dict[str, Sequence[str]] = {
        OFF: (),
        MEMORY: ("--cache-bytes", BYTES),
        SERVER: ("--cache-bytes", BYTES, "--cache-url", cache.url),
        HISTORY: ("--history", "on"),
    }
    return {form: stack.start_front_end(*flags, title=f"front end {form}") for form, flags in options.items()}


def _run(stack: Stack, front_end: Child, load: Load, turn: tuple[int, str], seconds: float, clients: int) -> Run:
    calls, spent = spent_on(lambda: fast_run(load.run(clients, WARM_UP + seconds)), stack)
    measured = [call for call in calls if WARM_UP <= call.ended < WARM_UP + seconds]
    found = spread(call.took for call in measured)
    if found is None:
        raise NotMeasured(f"{turn[1]} answered nothing within {seconds:g} s\n{stack.said()}")
    return Run(
        round=turn[0],
        form=turn[1],
        share=load.share,
        answers=len(measured) / seconds,
        hits=load.hits / len(calls),
        p50=found.p50,
        p99=found.p99,
        cpu=1e6 * spent.cpu[front_end.title] / len(calls),
        all_cpu=spent.micros("", len(calls)) - spent.micros("benchmark", len(calls)),
        client=spent.cpu["benchmark"] / spent.seconds,
        others=spent.others,
    )


def _without_path(model: str) -> str:
    kind, _, where = model.partition(":")
    return f"{kind}:{where}" if where.startswith("demo/") else kind
