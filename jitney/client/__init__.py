"""A client of Jitney's own: `Jitney` waits, `AsyncJitney` is for asyncio. It needs httpx2 alone (extra `client`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jitney.client.answers import (
    Answer,
    Classification,
    Cluster,
    Clusters,
    Embedding,
    Model,
    Progress,
    Ranking,
    Reply,
    Score,
    Translation,
)
from jitney.client.errors import (
    BadReply,
    CannotReach,
    Contended,
    Expired,
    InvalidInput,
    JitneyError,
    ModelFailed,
    NoBatcher,
    NotAllowed,
    NotFound,
    RateLimited,
    RecordError,
    RecordFailed,
    Refused,
    TimedOut,
    Unavailable,
    UnknownLanguage,
)
from jitney.client.sending.ahead import ReadAhead
from jitney.client.sync import Jitney

if TYPE_CHECKING:
    from jitney.client.aio import AsyncJitney

__all__ = [
    "Answer",
    "AsyncJitney",
    "BadReply",
    "CannotReach",
    "Classification",
    "Cluster",
    "Clusters",
    "Contended",
    "Embedding",
    "Expired",
    "InvalidInput",
    "Jitney",
    "JitneyError",
    "Model",
    "ModelFailed",
    "NoBatcher",
    "NotAllowed",
    "NotFound",
    "Progress",
    "Ranking",
    "RateLimited",
    "ReadAhead",
    "RecordError",
    "RecordFailed",
    "Refused",
    "Reply",
    "Score",
    "TimedOut",
    "Translation",
    "Unavailable",
    "UnknownLanguage",
]


def __getattr__(name: str) -> Any:
    """asyncio takes long to import, and a command line has no use for it."""
    if name != "AsyncJitney":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jitney.client.aio import AsyncJitney

    return AsyncJitney
