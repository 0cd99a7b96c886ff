"""The 418M shape: how long each engine takes to load it, the memory that it needs, and its speed with a few rows.

Each runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.translation.engines import Translate, engine_of, in_flight, load, static, timed
from benchmarks.translation.sentences import longest_first, sentences, tokens
from benchmarks.translation.weights import SIZES
from broker.common.logs import configure_logging

LIMIT = 600.0  # seconds for one engine
SEED = 21
STATUS = Path("/proc/self/status")
ENGINES = ("hf fp32", "ctranslate2 int8", "jitney fp32", "jitney int8")


class NotMeasured(Exception):
    """A process came to nothing; the message holds its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One engine with the weights that it was given."""

    engine: str
    load: float  # seconds, from files in the page cache to the end of the first, short answers
    peak: float | None  # GB of memory, loading and decoding; None where only Linux would tell
    tokens: float  # a second


def footprint(engine: str, name: str, checkpoint: Path, converted: Path, rows: int) -> Footprint:
    """In a new process. Raises `NotMeasured`."""
    what = [engine, name, str(checkpoint), str(converted), str(rows)]
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.translation.large", *what],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if run.returncode:
        raise NotMeasured(f"{engine} with {name}: {run.stderr[-1000:].strip()}")
    return Footprint(**json.loads(run.stdout.splitlines()[-1]))


def _translate(engine: str, checkpoint: Path, converted: Path, rows: int) -> Translate:
    who, dtype = engine.split()
    if who == "ctranslate2":
        from benchmarks.translation.ctranslate2 import CTranslate2

        return static(CTranslate2(converted, dtype).forward, rows)
    if who == "hf":
        return static(load(checkpoint, dtype=dtype, engine="reference").forward, rows)
    return in_flight(engine_of(load(checkpoint, dtype=dtype), rows))


def _measure(engine: str, name: str, checkpoint: Path, converted: Path, rows: int) -> Footprint:
    torch.set_num_threads(1)
    configure_logging("warning")
    work = longest_first(sentences(2 * rows, SIZES[name], SEED))
    started = time.perf_counter()
    translate = _translate(engine, checkpoint, converted, rows)
    translate(work[-1:])
    loaded = time.perf_counter() - started
    rate = tokens(work) / timed(translate, work)
    return Footprint(engine=engine, load=loaded, peak=_peak(), tokens=rate)


def _peak() -> float | None:
    """GB. Not getrusage: what it calls our peak is that of whoever started us, if theirs was higher."""
    found = re.search(r"^VmHWM:\s*(\d+) kB$", STATUS.read_text(), re.MULTILINE) if STATUS.exists() else None
    return int(found[1]) * 1024 / 1e9 if found else None


def main() -> None:
    """The child's part: one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.translation.large", description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("name", choices=SIZES)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("converted", type=Path)
    parser.add_argument("rows", type=int)
    print(json.dumps(asdict(_measure(**vars(parser.parse_args())))))


if __name__ == "__main__":
    main()
