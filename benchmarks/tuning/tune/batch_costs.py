"""A few real batches: requests of n records, one at a time, so that each finds an idle card and is a batch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import cycle, islice

from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient
from benchmarks.lib.summary import stage_means
from benchmarks.lib.workload import Workload
from benchmarks.load.command import Plan
from benchmarks.tuning.tune.cost_fit import Batch

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REPEATS, SECONDS = 7, 1.0  # of each size as many as that, or as long as that: whichever ends first; two at least
GRAIN = 2.0  # ms that a claim may take in any case
TOGETHER = 0.2  # times its compute that the last job may have queued: longer, and a batch had gone before it


async def batch_costs(plan: Plan, largest: int) -> list[Batch]:
    """Of every size up to `largest`, but none from where they are refused (`--max-records`) or do not go at once.

    Raises `ValueError` where no answer tells what a batch cost: Server-Timing is off, or everything is refused.
    """
    with HttpClient(plan.url) as client:
        await _row(client, plan, largest)  # what is computed for the first time is often slower: kernels are chosen
        found = await _row(client, plan, largest)
    if not found:
        remedy = "JITNEY_SERVER_TIMING must be on, and the texts valid"
        raise ValueError(f"{plan.url}{plan.workload.path} tells no batch's cost: {remedy}")
    return found


async def _row(client: HttpClient, plan: Plan, largest: int) -> list[Batch]:
    found: list[Batch] = []
    for size in (size for size in SIZES if size <= largest):
        seen = await _of_size(client, plan, size)
        if not seen:
            break
        found.extend(seen)
    return found


async def _of_size(client: HttpClient, plan: Plan, size: int) -> list[Batch]:
    """None where most of them did not go at once. The same texts in the same batches each time."""
    texts = cycle(plan.workload.texts)
    seen: list[Batch | None] = []
    began = time.perf_counter()
    while len(seen) < 2 or (len(seen) < REPEATS and time.perf_counter() - began < SECONDS):
        seen.append(await _batch(client, plan.workload, list(islice(texts, size)), plan.timeout))
    batches = [batch for batch in seen if batch is not None]
    return batches if 2 * len(batches) >= len(seen) else []


async def _batch(client: HttpClient, sent: Workload, texts: list[str], timeout: float) -> Batch | None:
    request = client.request(sent.path, envelope(texts, sent.languages), lane=sent.lane)
    asked = time.perf_counter()
    with suppress(TimeoutError):  # larger than there is patience for
        async with asyncio.timeout(timeout):
            reply = await client.send(request)
        stages = stage_means([reply.header(b"server-timing")]) if reply.status == 200 else {}
        if were_together(stages):
            return Batch(jobs=len(texts), compute=stages["compute"] / 1000, elapsed=time.perf_counter() - asked)
    return None


def were_together(stages: Mapping[str, float]) -> bool:
    """Whether the job that took longest was claimed with the first: then one batch, or rows in flight side by side."""
    return "compute" in stages and stages["queue"] <= max(TOGETHER * stages["compute"], GRAIN)
