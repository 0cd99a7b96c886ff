"""The same model without batching, with policy `fixed` and with `adaptive`: closed loops, then open ones.

    python -m benchmarks compare --out build/compare
    python -m benchmarks compare --model embedding:DIRECTORY --rates 20,100 --words 12

Every way has a batcher of its own behind the same front end. They take turns under each load, and what one gains over
none is a ratio within the same round. The directory gets compare.json, and a picture (matplotlib: pip install
'jitney[bench]').
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import redis

from benchmarks.compare.report import ADAPTIVE, FIXED, WAYS, WITHOUT, Row, batcher_of, markdown
from benchmarks.lib import machine
from benchmarks.lib.arguments import above, at_least, cores, each, parser
from benchmarks.lib.envelope import TEXT
from benchmarks.lib.stack import Child, NotReady, Stack, open_stack
from benchmarks.lib.workload import drawn
from benchmarks.load.stretch import Load, Stretch, Times, measure
from broker.errors import BrokerUnavailable

SPEC = "synthetic:10ms+0.5ms"
NAMES = {WITHOUT: "one-by-one", FIXED: "fixed", ADAPTIVE: "adaptive"}  # of the models, by which requests find them


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    asked = _read(arguments)
    try:
        with open_stack(asked.server_cores) as stack:
            rows = _rows(asked, stack)
        print(markdown(about := _about(asked), rows))
        if asked.out:
            _keep(asked.out, asked.model, about, rows)
    except (NotReady, BrokerUnavailable, redis.RedisError, OSError) as error:
        print(f"python -m benchmarks compare: {error}", file=sys.stderr)
        return 1
    return 0


def _rows(asked: Namespace, stack: Stack) -> list[Row]:
    """In the order of the loads."""
    front_end = _started(asked, stack)
    times = Times(warm_up=asked.warm_up, duration=asked.seconds, timeout=asked.timeout)
    loads = [*(Load(clients=clients) for clients in asked.clients), *(Load(rate=rate) for rate in asked.rates)]
    texts = drawn(asked.words, seed=0) if asked.words else [TEXT]
    found: dict[tuple[Load, str], list[Stretch]] = {}
    for number in range(asked.rounds):
        for load in loads:
            print(f"round {number + 1} of {asked.rounds}: {load.title}", file=sys.stderr)
            for way in WAYS:
                # What an overload has left is worked off before the next one is measured.
                stack.wait_until_it_answers(front_end, NAMES[way])
                serving = front_end.title, batcher_of(way), "broker"
                stretch = measure(stack, front_end, NAMES[way], load, times, serving=serving, texts=texts)
                found.setdefault((load, way), []).append(stretch)
    return [Row(way=way, load=load, rounds=rounds) for (load, way), rounds in found.items()]


def _started(asked: Namespace, stack: Stack) -> Child:
    front_end = stack.start_front_end()
    size = ("--max-batch-size", str(asked.max_batch_size))
    options = {
        WITHOUT: ("--max-batch-size", "1"),
        FIXED: (*size, "--policy", "fixed", "--max-wait", str(asked.max_wait)),
        ADAPTIVE: size,
    }
    for way in WAYS:
        stack.start_batcher(NAMES[way], asked.model, *options[way], title=batcher_of(way))
    for way in WAYS:
        stack.wait_until_it_answers(front_end, NAMES[way])
    return front_end


def _about(asked: Namespace) -> dict[str, str]:
    batches = f"batches of at most {asked.max_batch_size}, fixed waits {asked.max_wait * 1000:g} ms"
    pinned = f"servers on core(s) {', '.join(map(str, sorted(asked.server_cores)))}, the client on the others"
    return {
        **machine.describe(),
        "cores of the servers": pinned if asked.server_cores else "any",
        "model": f"{asked.model}, {batches}",
        "measured": f"{asked.rounds} round(s) of {asked.seconds:g} s each; medians",
    }


def _keep(out: Path, spec: str, about: dict[str, str], rows: Sequence[Row]) -> None:
    from benchmarks.compare.picture import picture
    from benchmarks.tuning.report.drawing import png

    out.mkdir(parents=True, exist_ok=True)
    found = {"machine": about, "rows": [asdict(row) for row in rows]}
    (out / "compare.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "compare.png").write_bytes(png(picture(spec, rows)))


def _read(arguments: Sequence[str]) -> Namespace:
    command = parser("compare", __doc__)
    add = command.add_argument
    add("--model", default=SPEC, metavar="SPEC", help="of texts [default: %(default)s]")
    add("--clients", type=each(above(0)), default=[1, 16, 64, 256], help="of the closed loops [default: 1,16,64,256]")
    add("--rates", type=each(above(0.0)), default=[50.0, 200.0, 800.0], help="of the open loops [default: 50,200,800]")
    add("--words", type=above(0.0), metavar="MEAN", help="texts of so many words on average [default: one text]")
    add("--max-batch-size", type=above(0), default=64, help="jobs in a batch [default: %(default)s]")
    add("--max-wait", type=at_least(0.0), default=0.005, help="seconds, of fixed [default: %(default)s]")
    add("--rounds", type=above(0), default=2, help="times that everything is measured [default: %(default)s]")
    add("--seconds", type=above(0.0), default=3.0, help="of each loop [default: %(default)s]")
    add("--warm-up", type=above(0.0), default=1.0, help="seconds before that, not measured [default: %(default)s]")
    add("--timeout", type=above(0.0), default=5.0, help="seconds for a request [default: %(default)s]")
    add("--server-cores", type=cores, default=(), metavar="CORES", help="all servers run on these, as 0 or 0,1")
    add("--out", type=Path, metavar="DIR", help="write the figures and the picture there as well")
    return command.parse_args(arguments)
