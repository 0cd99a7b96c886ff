"""A batch of requests from a file, as OpenAI's clients ask for one and see it. Times are seconds since 1970."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from server.batches.kept import LineError
from server.files.form import LONGEST_KEPT, SHORTEST_KEPT

MetadataKey = Annotated[str, Meta(max_length=64)]
MetadataValue = Annotated[str, Meta(max_length=512)]


class OutputExpiry(Struct, frozen=True, kw_only=True):
    """How long the files of a batch are kept."""

    seconds: Annotated[int, Meta(ge=SHORTEST_KEPT, le=LONGEST_KEPT)]
    anchor: str = "created_at"


class BatchRequest(Struct, frozen=True, kw_only=True):
    """A file of requests that are computed once there is room for them."""

    input_file_id: Annotated[str, Meta(description="of a file whose lines are requests (purpose batch)")]
    endpoint: Annotated[str, Meta(description="the url of every line: /v1/embeddings, or an address of a task")]
    completion_window: Annotated[str, Meta(description="24h; also s, m and d, seven days at most")]
    metadata: Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)] | None = None
    output_expires_after: OutputExpiry | None = None


class BatchErrors(Struct, frozen=True, kw_only=True):
    """What is wrong with its input."""

    data: list[LineError]
    object: str = "list"


class RequestCounts(Struct, frozen=True):
    """How far it is."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class BatchDocument(Struct, frozen=True, kw_only=True):
    """One of them."""

    id: str
    object: str = "batch"
    endpoint: str
    errors: BatchErrors | None = None
    input_file_id: str
    completion_window: str
    status: Annotated[
        str,
        Meta(description="validating, failed, in_progress, finalizing, completed, expired, cancelling or cancelled"),
    ]
    output_file_id: Annotated[str | None, Meta(description="of the answers, once it has ended")] = None
    error_file_id: Annotated[str | None, Meta(description="of what failed, once it has ended")] = None
    created_at: int
    in_progress_at: int | None = None
    expires_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: RequestCounts
    metadata: dict[str, str] | None = None


class BatchList(Struct, frozen=True, kw_only=True):
    """Some of them, newest first."""

    object: str = "list"
    data: list[BatchDocument]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool


class ListOfBatches(Struct, frozen=True, kw_only=True):
    """What may stand behind the '?'."""

    limit: Annotated[int, Meta(ge=1, le=100, description="most batches of a page")] = 20
    after: Annotated[str, Meta(description="the id of the last one that is known")] = ""
