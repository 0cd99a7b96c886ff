"""How near Jitney comes to the limits of what it is made of: every figure also as a share of each.

    python -m benchmarks ceiling --json ceiling.json
    python -m benchmarks ceiling --server-cores 0            # all servers on one core, we who send on the others

Closed loops of one record a request, in turns:
    bare Starlette        answers at once, with nothing behind
    batching inside it    the same with the model in its own process: what Python can do without a broker
    the model alone       one full batch after the other
    the broker alone      the commands of a batch's life, and nobody else's time
    Jitney                front end, broker, batcher
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import redis

from benchmarks.ceiling import broker_alone, model_alone
from benchmarks.ceiling.broker_alone import BrokerAlone, NotReplayed
from benchmarks.ceiling.report import BARE, INSIDE, JITNEY, Ceiling, Row, markdown
from benchmarks.lib import machine
from benchmarks.lib.arguments import above, cores, each, parser
from benchmarks.lib.http_client import fast_run
from benchmarks.lib.stack import Child, NotReady, Stack, open_stack
from benchmarks.load.stretch import Load, Stretch, Times, measure
from broker.errors import BrokerUnavailable

SPECS = ["synthetic:0ms+0ms", "synthetic:10ms+0ms"]
MODEL_SECONDS = 0.3  # for each size of a model alone
LIVES = 200  # batches that the broker alone is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One server and the name that its model goes by there."""

    server: str
    child: Child
    name: str
    serving: Collection[str]  # titles of all processes that do


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    asked = _read(arguments)
    try:
        ceilings = _measured(asked)
        print(markdown(about := _about(asked), ceilings))
        if asked.json:
            asked.json.write_text(json.dumps(_kept(about, ceilings), indent=1) + "\n")
    except (NotReady, NotReplayed, BrokerUnavailable, redis.RedisError, OSError, ValueError) as error:
        print(f"python -m benchmarks ceiling: {error}", file=sys.stderr)
        return 1
    return 0


def _measured(asked: Namespace) -> list[Ceiling]:
    sizes = sorted({min(clients, asked.max_batch_size) for clients in asked.clients})
    models = {spec: model_alone.measure(spec, sizes, MODEL_SECONDS) for spec in asked.model}  # refuses before we start
    broker = _broker(asked, sizes)
    with open_stack(asked.server_cores) as stack:
        rows = _rows(asked, stack)
    return [
        Ceiling(spec=spec, rows=rows[spec], model=models[spec], broker=broker, largest=asked.max_batch_size)
        for spec in asked.model
    ]


def _broker(asked: Namespace, sizes: Sequence[int]) -> list[BrokerAlone]:
    print("the broker alone", file=sys.stderr)
    return fast_run(broker_alone.measure(sizes, LIVES, asked.rounds, asked.server_cores))


def _rows(asked: Namespace, stack: Stack) -> dict[str, list[Row]]:
    """By the model's spec, in the order of the clients."""
    served = dict(_started(asked, stack))
    times = Times(warm_up=asked.warm_up, duration=asked.seconds, timeout=30.0)
    found: dict[tuple[str, int, str], list[Stretch]] = {}
    for number in range(asked.rounds):
        for clients in asked.clients:
            print(f"round {number + 1} of {asked.rounds}: {clients} client(s)", file=sys.stderr)
            for (spec, server), one in served.items():
                load = Load(clients=clients)
                stretch = measure(stack, one.child, one.name, load, times, serving=one.serving)
                found.setdefault((spec, clients, server), []).append(stretch)
    return {
        spec: [
            Row(server=server, clients=clients, rounds=rounds)
            for (of, clients, server), rounds in found.items()
            if of in (spec, "")
        ]
        for spec in asked.model
    }


def _started(asked: Namespace, stack: Stack) -> Iterator[tuple[tuple[str, str], Served]]:
    """By spec and server; bare Starlette has no model. Each answers already."""
    size = ("--max-batch-size", str(asked.max_batch_size))
    bare, front_end = stack.start_bare(), stack.start_front_end()
    yield ("", BARE), Served(server=BARE, child=bare, name="any", serving=[bare.title])
    for number, spec in enumerate(asked.model):
        name = f"model-{number}"
        inside = stack.start_bare("--model", spec, *size, title=f"inside {number}")
        batcher = stack.start_batcher(name, spec, *size)
        serving = {INSIDE: [inside.title], JITNEY: [front_end.title, batcher.title, "broker"]}
        for server, child in ((INSIDE, inside), (JITNEY, front_end)):
            stack.wait_until_it_answers(child, name)
            yield (spec, server), Served(server=server, child=child, name=name, serving=serving[server])


def _about(asked: Namespace) -> dict[str, str]:
    pinned = f"servers on core(s) {', '.join(map(str, sorted(asked.server_cores)))}, the client on the others"
    return {
        **machine.describe(),
        "cores of the servers": pinned if asked.server_cores else "any",
        "batches": f"of at most {asked.max_batch_size}",
        "measured": f"{asked.rounds} round(s) of {asked.seconds:g} s each; medians",
    }


def _kept(about: Mapping[str, str], ceilings: Sequence[Ceiling]) -> dict[str, object]:
    kept = [{**asdict(one), "shares": {clients: one.shares(clients) for clients in one.clients}} for one in ceilings]
    return {"machine": about, "ceilings": kept}


def _read(arguments: Sequence[str]) -> Namespace:
    command = parser("ceiling", __doc__)
    add = command.add_argument
    add(
        "--model", action="append", metavar="SPEC", help=f"of texts; again for another [default: {' and '.join(SPECS)}]"
    )
    add("--clients", type=each(above(0)), default=[1, 16, 64, 256], help="of the closed loops [default: 1,16,64,256]")
    add("--max-batch-size", type=above(0), default=64, help="jobs in a batch [default: %(default)s]")
    add("--rounds", type=above(0), default=2, help="times that everything is measured [default: %(default)s]")
    add("--seconds", type=above(0.0), default=3.0, help="of each loop [default: %(default)s]")
    add("--warm-up", type=above(0.0), default=0.7, help="seconds before that, not measured [default: %(default)s]")
    add("--server-cores", type=cores, default=(), metavar="CORES", help="all servers run on these, as 0 or 0,1")
    add("--json", type=Path, metavar="FILE", help="write every figure there as well")
    asked = command.parse_args(arguments)
    asked.model = asked.model or SPECS
    return asked
