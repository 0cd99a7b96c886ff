"""How near the forward groups of one mixed batch come to sentences that were sorted by length beforehand.

    python -m benchmarks packing [--model DIRECTORY] [--sentences 2000] [--batch 64] [--rounds 3] [--threads 1]

Three ways through the same sentences (3 to 60 words) and the same embedding model, in turns:
    offline    all of them sorted by length, then cut into batches: what a file of known content allows
    groups     batches in order of arrival, each cut into forward groups by the engine
    padded     batches in order of arrival, each padded to its longest sentence
"""

from __future__ import annotations

import random
import statistics
import time
from array import array
from collections.abc import Callable, Mapping, Sequence

from batcher.engines.batch import BatchEngine
from batcher.models.settings import ModelSettings
from batcher.models.spec import load_model, parse_spec
from benchmarks.encoders.sentences import batches, sentence_parser, sentences
from benchmarks.lib.arguments import above
from broker.messages import Job

Batch = Sequence["array[int]"]
Batches = list[Batch]
Seconds = dict[str, float]


def main(arguments: Sequence[str]) -> int:
    """Prints the rates of each round, and their ratios."""
    command = sentence_parser("packing", __doc__, rounds=3)
    command.add_argument("--threads", type=above(0), default=1, help="CPU threads of torch [%(default)s]")
    command.add_argument("--seed", type=int, default=9527, help="of the sentences [%(default)s]")
    asked = command.parse_args(arguments)
    spec = parse_spec(f"embedding:{asked.model},name=packing,threads={asked.threads}")
    model = load_model(spec, ModelSettings(device="cpu"))
    model.warm_up()
    rng = random.Random(asked.seed)
    rows = sentences(model, asked.sentences, rng)
    # With one thread, its own CPU time: whatever else runs on the machine then counts least.
    clock = time.process_time if asked.threads == 1 else time.perf_counter
    engine = BatchEngine(model, max_size=asked.batch, cost=model.cost, clock=clock)
    arrived, ordered = batches(rows, asked.batch), batches(sorted(rows, key=len), asked.batch)
    rng.shuffle(ordered)
    ways = {
        "offline": (ordered, lambda batch: model.forward(batch)),
        "groups": (arrived, lambda batch: _step(engine, batch)),
        "padded": (arrived, lambda batch: model.forward(batch)),
    }
    _report([_round(ways, clock) for _ in range(asked.rounds)], len(rows), engine)
    return 0


def _round(ways: Mapping[str, tuple[Batches, Callable[[Batch], object]]], clock: Callable[[], float]) -> Seconds:
    """One batch each way, in turns, so that a machine that slows down does so for all."""
    seconds = dict.fromkeys(ways, 0.0)
    for number in range(len(ways["offline"][0])):
        for name, (cut, compute) in ways.items():
            started = clock()
            compute(cut[number])
            seconds[name] += clock() - started
    return seconds


def _report(rounds: Sequence[Seconds], sentences: int, engine: BatchEngine) -> None:
    for number, seconds in enumerate(rounds, 1):
        rates = "  ".join(f"{name} {sentences / took:6.1f}/s" for name, took in seconds.items())
        print(f"round {number}:  {rates}")
    for name in ("groups", "padded"):
        ratios = [seconds["offline"] / seconds[name] for seconds in rounds]
        each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"{name} / offline: median {statistics.median(ratios):.3f} ({each})")
    last = engine.last
    share = 1 - last.tokens / last.padded_tokens
    print(f"last batch: {last.groups} groups, {share:.1%} padding; a pass costs about {last.pass_cost} tokens here")


def _step(engine: BatchEngine, batch: Batch) -> None:
    engine.admit([Job(id=str(n), front_end="benchmark", input=row, cost=len(row)) for n, row in enumerate(batch)])
    engine.step()
