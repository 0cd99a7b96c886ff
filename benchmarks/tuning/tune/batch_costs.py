"""A few real batches: requests of n records, one at a time, so that each finds an idle card and is a batch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import cycle, islice

from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient
from benchmarks.lib.summary import stage_means
from benchmarks.lib.workload import Workload
from benchmarks.serving.load import Plan
from benchmarks.tuning.tune.cost_fit import Batch

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REPEATS, SECONDS = 7, 1.5  # of each size as many as that, or as long as that: whichever ends first; two at least
GRAIN = 2.0  # ms that a claim may take in any case
COLD = 1  # first batches of a size that do not count
TOGETHER = 0.2  # times its compute that the last job may have queued: longer, and a batch had gone before it


async def batch_costs(plan: Plan, largest: int) -> list[Batch]:
    """Of every size up to `largest`, but none from where they are refused (`--max-records`) or do not go at once.

    Raises `ValueError` where no answer tells what a batch cost: Server-Timing is off, or everything is refused.
    """
    if plan.workload.body is not None:
        raise ValueError("--body is one batch only: tune needs texts, see --text, --texts-file and --words")
    found: list[Batch] = []
    texts = cycle(plan.workload.texts)
    with HttpClient(plan.url) as client:
        for size in (size for size in SIZES if size <= largest):
            seen = await _of_size(client, plan.workload, texts, size)
            if not seen:
                break
            found.extend(seen)
    if not found:
        remedy = "JITNEY_SERVER_TIMING must be on, and the texts valid"
        raise ValueError(f"{plan.url}{plan.workload.path} tells no batch's cost: {remedy}")
    return found


async def _of_size(client: HttpClient, sent: Workload, texts: Iterator[str], size: int) -> list[Batch]:
    """None where most of them did not go at once."""
    seen: list[Batch | None] = []
    began = time.perf_counter()
    while len(seen) < COLD + 2 or (len(seen) < COLD + REPEATS and time.perf_counter() - began < SECONDS):
        seen.append(await _batch(client, sent, list(islice(texts, size))))
    batches = [batch for batch in seen[COLD:] if batch is not None]
    return batches if 2 * len(batches) >= len(seen) - COLD else []


async def _batch(client: HttpClient, sent: Workload, texts: list[str]) -> Batch | None:
    request = client.request(sent.path, envelope(texts, sent.languages))
    asked = time.perf_counter()
    reply = await client.send(request)
    stages = stage_means([reply.header(b"server-timing")]) if reply.status == 200 else {}
    if not were_together(stages):
        return None
    return Batch(jobs=len(texts), compute=stages["compute"] / 1000, elapsed=time.perf_counter() - asked)


def were_together(stages: Mapping[str, float]) -> bool:
    """Whether the job that took longest was claimed with the first: then one batch, or rows in flight side by side."""
    return "compute" in stages and stages["queue"] <= max(TOGETHER * stages["compute"], GRAIN)
