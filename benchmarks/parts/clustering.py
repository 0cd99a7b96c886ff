"""How long clusters take by how many records there are: the grouping alone, or the whole call of a Jitney that runs.

    python -m benchmarks clustering [--sizes 100,1000,5000,10000] [--rounds 3] [--url http://127.0.0.1:9527]

The grouping alone goes by vectors of 384 numbers of three kinds:
    tens       groups of about ten, far from each other: titles about many subjects
    loose      most records have a few neighbours that have others: the most comparisons that there can be
    alone      nobody is like anybody
With --url, titles are sent to POST /clustering: the time is that of embedding them, and of all that lies between.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import time
import tracemalloc
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.lib.arguments import above, parser
from benchmarks.lib.machine import describe
from benchmarks.lib.markdown import table

WIDTH = 384
SUBJECTS = ["dog walking", "public speaking", "bread", "sailing", "taxes", "chess", "tea", "snow", "bees", "trains"]
SHAPES = ["The art of {}", "{} in ten simple steps", "Why you need {}", "The secrets of {}", "Learn {} today"]
WORDS = ["small", "old", "modern", "quiet", "honest", "cheap", "northern", "early", "late", "gentle", "daily"]


def main(arguments: Sequence[str]) -> int:
    """Prints a table, and what machine it comes from."""
    command = parser("clustering", __doc__)
    add = command.add_argument
    add("--sizes", default="100,1000,5000,10000", help="numbers of records [%(default)s]")
    add("--rounds", type=above(0), default=3, help="turns of each size; the median counts [%(default)s]")
    add("--threshold", type=float, default=0.5, help="from which two are alike [%(default)s]")
    add("--url", help="a front end that runs; none: the grouping alone, in this process")
    asked = command.parse_args(arguments)
    sizes = [int(size) for size in asked.sizes.split(",")]
    lines = _calls(asked, sizes) if asked.url else _groupings(asked, sizes)
    print("\n".join(lines))
    print("\n".join(f"{name}: {said}" for name, said in describe("numpy").items()))
    return 0


def _groupings(asked: Any, sizes: Sequence[int]) -> Sequence[str]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in a front end
    from server.clustering.communities import communities

    clock = time.process_time  # of one thread: whatever else runs on the machine then counts least
    rows = []
    for size in sizes:
        cells = [f"{size:,}"]
        for make in KINDS.values():
            vectors = make(size)
            seconds, groups = _timed(lambda vectors=vectors: communities(vectors, asked.threshold), asked.rounds, clock)
            cells.append(f"{seconds:.3f} s, {len(groups):,}")
        vectors = _tens(size)
        rows.append([*cells, _peak(lambda vectors=vectors: communities(vectors, asked.threshold))])
    names = "|".join(f"{kind}: time, groups" for kind in KINDS)
    return list(table(f"records|{names}|memory", rows))


def _timed(do: Callable[[], Any], rounds: int, clock: Callable[[], float] = time.perf_counter) -> tuple[float, Any]:
    """The median of so many, and what the last one gave."""
    seconds = []
    for _ in range(rounds):
        started = clock()
        result = do()
        seconds.append(clock() - started)
    return statistics.median(seconds), result


def _peak(do: Callable[[], Any]) -> str:
    """What it held at most, besides its vectors."""
    tracemalloc.start()
    try:
        do()
        return f"{tracemalloc.get_traced_memory()[1] / (1 << 20):.0f} MiB"
    finally:
        tracemalloc.stop()


def _tens(size: int) -> Any:
    import numpy as np

    chance = np.random.default_rng(9527)
    subjects = chance.normal(size=(max(1, size // 10), WIDTH))
    return _directions(subjects[chance.integers(len(subjects), size=size)] + 0.5 * chance.normal(size=(size, WIDTH)))


def _loose(size: int) -> Any:
    """Points along a line that turns: each is like the few before and after it."""
    import numpy as np

    chance = np.random.default_rng(9527)
    steps = chance.normal(size=(size, WIDTH))
    for at in range(1, size):
        steps[at] = 0.8 * steps[at - 1] + 0.6 * steps[at]
    return _directions(chance.permutation(steps))


def _alone(size: int) -> Any:
    import numpy as np

    return _directions(np.random.default_rng(9527).normal(size=(size, WIDTH)))


def _directions(vectors: Any) -> Any:
    import numpy as np

    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


KINDS: Mapping[str, Callable[[int], Any]] = {"tens": _tens, "loose": _loose, "alone": _alone}


def _calls(asked: Any, sizes: Sequence[int]) -> Sequence[str]:
    rows = []
    for size in sizes:
        body = json.dumps({"payload": {"records": _records(size), "threshold": asked.threshold}}).encode()
        seconds, reply = _timed(lambda body=body: _post(f"{asked.url}/clustering", body), asked.rounds)
        rows.append([f"{size:,}", f"{seconds:.2f} s", f"{len(reply['result']):,}", f"{len(body) / 1e6:.2f} MB"])
    return list(table("records|the whole call|clusters|body", rows))


def _records(size: int) -> list[dict[str, Any]]:
    """Titles of a few words about more subjects than a hundred."""
    chance = random.Random(9527)
    titles = [
        chance.choice(SHAPES).format(f"{chance.choice(WORDS)} {chance.choice(WORDS)} {chance.choice(SUBJECTS)}")
        for _ in range(size)
    ]
    return [{"id": at, "text": title} for at, title in enumerate(titles)]


def _post(url: str, body: bytes) -> Any:
    headers = {"Content-Type": "application/json", "X-Request-Timeout": "600"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=620) as reply:
        return json.loads(reply.read())
