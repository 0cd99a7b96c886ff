"""A batch as its clients see it: OpenAI's object. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server.batches.kept import Batch, End, Head
from server.batches.schema import BatchDocument, BatchErrors, BatchList, RequestCounts


def status_of(batch: Batch) -> str:
    if batch.end is not None:
        return batch.end.status
    if batch.cancel is not None:
        return "cancelling"
    if batch.head is None:
        return "validating"
    return "finalizing" if batch.head.is_last else "in_progress"


def document(batch: Batch) -> BatchDocument:
    asked, end, head = batch.asked, batch.end, batch.head
    stamps: dict[str, Any] = {f"{end.status}_at": int(end.at)} if end is not None else {}
    begun, finalizing = _times(end, head)
    return BatchDocument(
        id=asked.id,
        endpoint=asked.endpoint,
        input_file_id=asked.input_file_id,
        completion_window=asked.completion_window,
        status=status_of(batch),
        created_at=int(asked.created_at),
        expires_at=int(asked.expires_at),
        metadata=asked.metadata,
        in_progress_at=_whole(begun),
        finalizing_at=_whole(finalizing),
        cancelling_at=_whole(batch.cancel.cancelling_at if batch.cancel else None),
        output_file_id=end.output_file_id if end else None,
        error_file_id=end.error_file_id if end else None,
        errors=BatchErrors(data=end.errors) if end and end.errors else None,
        request_counts=_counts(end or head),
        **stamps,
    )


def listed(batches: Sequence[Batch], *, has_more: bool) -> BatchList:
    found = [document(batch) for batch in batches]
    ids = (found[0].id, found[-1].id) if found else (None, None)
    return BatchList(data=found, first_id=ids[0], last_id=ids[1], has_more=has_more)


def _times(end: End | None, head: Head | None) -> tuple[float | None, float | None]:
    """When it began to compute, and when it had done so."""
    if end is not None:
        return end.begun_at, end.finalizing_at
    if head is None:
        return None, None
    return head.begun_at, head.written_at if head.is_last else None


def _counts(known: End | Head | None) -> RequestCounts:
    return RequestCounts() if known is None else RequestCounts(known.total, known.completed, known.failed)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
