"""What ends a reply that was sent row by row."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from server.api.schema.envelope import RecordError, Warnings


class StreamTiming(Struct, frozen=True, kw_only=True, rename={"back": "return", "batch_size": "batchSize"}):
    """What Server-Timing says of a reply in one piece, in seconds."""

    queue: float
    window: float
    compute: float
    back: float
    batch_size: int


class StreamEnd(Struct, frozen=True, kw_only=True):
    """The last of a stream; one without it was broken off."""

    done: Annotated[bool, Meta(description="false: the server failed on the way, and rows may be missing")]
    status: Annotated[str | msgspec.UnsetType, Meta(description="of a prediction: how it ended")] = msgspec.UNSET
    records: int | msgspec.UnsetType = msgspec.UNSET
    failed: Annotated[int | msgspec.UnsetType, Meta(description="how many of them have an error")] = msgspec.UNSET
    model: Annotated[str | msgspec.UnsetType, Meta(description="who answered, as Jitney-Model")] = msgspec.UNSET
    warnings: Warnings = msgspec.UNSET
    timing: StreamTiming | msgspec.UnsetType = msgspec.UNSET
    error: RecordError | msgspec.UnsetType = msgspec.UNSET
