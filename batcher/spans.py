"""What traces show of a batch, once it is over: how long each request waited in the queue, the batch, its compute.

Requests that are not sampled have no part in it; a batch with none that is makes no span.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from batcher.serving.batch import Batch
from batcher.serving.leases import Lease
from broker.messages import Job
from broker.tracing.spans import parent, span_context

NANOSECONDS = 1e9

Requests = Sequence[tuple[SpanContext, list[Job]]]  # what each is called in its trace, and its jobs in this batch


class BatchSpans:
    """Called in the event loop, when all of a batch have been told of its end."""

    def __init__(
        self,
        tracer: Tracer,
        model: str,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        """`model`: its card's key. `clock`: the one that batches were timed by, in seconds; `wall`: nanoseconds."""
        self._tracer, self._clock, self._wall = tracer, clock, wall
        name, _, revision = model.partition("@")
        self._model = {"jitney.model": name, "jitney.revision": revision}

    def told(self, lease: Lease) -> None:
        """A batch is over."""
        if requests := _sampled(lease.batch.claim.jobs):
            now, clock = self._wall(), self._clock()
            self._make(lease, requests, now, lambda at: now - round((clock - at) * NANOSECONDS))

    def _make(self, lease: Lease, requests: Requests, now: int, wall: Callable[[float], int]) -> None:
        batch = lease.batch
        span = self._tracer.start_span(
            "batch",
            # One request alone has all of it in its own trace; several share one that is nobody's, and point to it.
            context=parent(requests[0][1][0].meta) if len(requests) == 1 else Context(),
            kind=SpanKind.CONSUMER,
            links=[Link(request) for request, _ in requests],
            start_time=wall(batch.claimed_at),
            attributes={**self._model, **_of_batch(lease)},
        )
        if lease.is_abandoned:
            span.set_status(Status(StatusCode.ERROR))
            span.set_attribute("error.type", "abandoned")
        if batch.started_at:
            self._compute(batch, set_span_in_context(span), wall)
        for _, jobs in requests:
            self._queue(batch, jobs, Link(span.get_span_context()), wall(batch.claimed_at))
        span.end(now)

    def _compute(self, batch: Batch, context: Any, wall: Callable[[float], int]) -> None:
        attributes = {"jitney.batch.passes": batch.passes}
        start = partial(self._tracer.start_span, "compute", context, attributes=attributes)
        start(start_time=wall(batch.started_at)).end(wall(batch.started_at + batch.seconds))

    def _queue(self, batch: Batch, jobs: Sequence[Job], link: Link, end: int) -> None:
        """Admission and claim are times of the broker's clock. Only what lies between them is taken from it: on ours
        the claim is when its answer came, so a clock that is wrong moves no span."""
        waited = max(0.0, batch.claim.claimed - min(job.admitted for job in jobs))
        attributes: dict[str, Any] = {**self._model, "jitney.jobs": len(jobs), "jitney.lane": str(jobs[0].lane)}
        start = partial(self._tracer.start_span, "queue", parent(jobs[0].meta), attributes=attributes)
        start(links=[link], start_time=end - round(waited * NANOSECONDS)).end(end)


def _sampled(jobs: Sequence[Job]) -> Requests:
    found: dict[str, list[Job]] = {}
    for job in jobs:
        if trace := job.meta.get("traceparent"):
            found.setdefault(trace, []).append(job)
    known = [(span_context(of_one[0].meta), of_one) for of_one in found.values()]
    return [(context, of_one) for context, of_one in known if context is not None and context.trace_flags.sampled]


def _of_batch(lease: Lease) -> dict[str, Any]:
    batch = lease.batch
    return {
        "jitney.batch.jobs": len(batch.jobs),
        "jitney.batch.tokens": sum(job.cost for job in batch.jobs),
        "jitney.batch.wait": batch.waited,
        "jitney.batch.closed_by": batch.closed_by,
        "jitney.batch.failed_jobs": len(lease.failed),
    }
