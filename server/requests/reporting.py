"""What is said of a request's records once they have ended: numbers, a line of the log, and who answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.types import Scope

from broker.messages import ModelCard
from server.dialects.contract import Call
from server.errors import Problem
from server.fleet.directory import Served
from server.http.context import identity
from server.metrics import Metrics
from server.requests.request import Record

log = structlog.get_logger("server")

JOBS_SHOWN = 16  # ids of failed jobs in one line of the log


def count(
    metrics: Metrics, card: ModelCard, records: Sequence[Record], answers: Sequence[dict[str, Any] | Problem]
) -> int:
    """What became of these records. Returns how many have failed."""
    model, failed = card.name, 0
    for record, answer in zip(records, answers, strict=True):
        if record.plan.unknown:
            metrics.unknown_tokens[(model,)] += record.plan.unknown
        if isinstance(answer, Problem):
            metrics.failed_records[model, answer.code] += 1
            failed += 1
            continue
        if answer.get("truncated") is True:
            metrics.truncated_records[(model,)] += 1
        if answer.get("degenerate") is True:
            metrics.degenerate_records[(model,)] += 1
    metrics.answered_records[model, card.revision] += len(records) - failed
    return failed


def who_answered(call: Call, records: Sequence[Record], last: Served) -> bytes:
    """Who answered a request whose model's revision ended on the way: the one after it, and it, if some were done."""
    is_mixed = any(record.codec is call.served.codec for record in records)
    return ", ".join([call.served.card.key] * is_mixed + [last.card.key]).encode("ascii")


def log_failed(call: Call, records: Sequence[Record], answers: Sequence[Any], scope: Scope) -> None:
    """Where a request's id meets the ids of its jobs, by which the batcher's lines go. One line, however many."""
    failed = [(one, answer) for one, answer in zip(records, answers, strict=True) if isinstance(answer, Problem)]
    jobs = [job for record, _ in failed for job in record.job_ids]
    codes = Counter(problem.code for _, problem in failed)
    log.info(
        "records failed",
        **identity(scope),
        model=call.served.card.key,
        codes=dict(codes),
        records=len(records),
        jobs=jobs[:JOBS_SHOWN],
        more_jobs=max(0, len(jobs) - JOBS_SHOWN),
    )
