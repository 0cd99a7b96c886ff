"""A few real batches: requests of n records, one at a time, so that each finds an idle card and is a batch."""

from __future__ import annotations

import re
import time
from itertools import cycle, islice

from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient
from benchmarks.lib.summary import stage_means
from benchmarks.serving.load import Plan
from benchmarks.tuning.tune.cost_fit import Batch

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REPEATS, SECONDS = 5, 1.5  # of each size as many as that, or as long as that: whichever ends first; two at least
COLD = 1  # first batches of a size that do not count
BATCH = re.compile(rb'batch;desc="(\d+)"')


async def batch_costs(plan: Plan, largest: int) -> list[Batch]:
    """Of every size up to `largest`. A size that the server refuses (`--max-records`) ends the row. Raises `ValueError`
    where no answer tells what a batch cost: the front end runs with Server-Timing off, or refuses everything."""
    if plan.workload.body is not None:
        raise ValueError("--body is one batch only: tune needs texts, see --text, --texts-file and --words")
    found: list[Batch] = []
    with HttpClient(plan.url) as client:
        for size in (size for size in SIZES if size <= largest):
            seen = await _of_size(client, plan, size)
            if not seen:
                break
            found.extend(seen)
    if not found:
        remedy = "JITNEY_SERVER_TIMING must be on, and the texts valid"
        raise ValueError(f"{plan.url}{plan.workload.path} tells no batch's cost: {remedy}")
    return found


async def _of_size(client: HttpClient, plan: Plan, size: int) -> list[Batch]:
    sent = plan.workload
    request = client.request(sent.path, envelope(list(islice(cycle(sent.texts), size)), sent.languages))
    seen: list[Batch] = []
    began = time.perf_counter()
    while len(seen) < COLD + 2 or (len(seen) < COLD + REPEATS and time.perf_counter() - began < SECONDS):
        asked = time.perf_counter()
        reply = await client.send(request)
        batch = _batch(reply.header(b"server-timing"), time.perf_counter() - asked) if reply.status == 200 else None
        if batch is None:
            return []
        seen.append(batch)
    return [batch for batch in seen[COLD:] if batch.jobs == size]


def _batch(timing: bytes, elapsed: float) -> Batch | None:
    compute, size = stage_means([timing]).get("compute"), BATCH.search(timing)
    if compute is None or size is None:
        return None
    return Batch(jobs=int(size[1]), compute=compute / 1000, elapsed=elapsed)
