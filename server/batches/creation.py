"""What a client asks for when it creates a batch, checked. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from server.api.malformed import why
from server.batches.asking import MODELS
from server.batches.kept import Asked, new_id
from server.batches.schema import BatchRequest
from server.errors import Problem

WINDOW = re.compile(r"([1-9][0-9]{0,6})([smhd])")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
LONGEST = 7 * 86_400.0  # seconds

_requests = msgspec.json.Decoder(BatchRequest)


def request_from(body: bytes, endpoints: Collection[str]) -> BatchRequest:
    """Raises `Problem` (malformed), which names the field."""
    try:
        found = _requests.decode(body)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed", f"The body cannot be read: {why(body, error)}.") from None
    if found.endpoint not in endpoints and not found.endpoint.startswith(MODELS):
        known = ", ".join([*sorted(endpoints), f"{MODELS}NAME"])
        raise Problem("malformed", f"endpoint must be one of {known}.", param="endpoint")
    seconds_of(found.completion_window)
    if found.output_expires_after is not None and found.output_expires_after.anchor != "created_at":
        raise Problem("malformed", "The anchor must be created_at.", param="output_expires_after")
    return found


def seconds_of(window: str) -> float:
    """Raises `Problem` (malformed)."""
    found = WINDOW.fullmatch(window)
    seconds = int(found[1]) * SECONDS[found[2]] if found is not None else 0.0
    if not 0.0 < seconds <= LONGEST:
        raise Problem(
            "malformed", "completion_window must be like 24h, and seven days at most.", param="completion_window"
        )
    return seconds


def asked_from(
    request: BatchRequest, now: float, id: str = "", webhook: str = "", caller: str = "", request_id: str = ""
) -> Asked:
    """The batch that this asks for."""
    kept = request.output_expires_after
    return Asked(
        id=id or new_id(now),
        endpoint=request.endpoint,
        input_file_id=request.input_file_id,
        completion_window=request.completion_window,
        created_at=now,
        expires_at=now + seconds_of(request.completion_window),
        metadata=request.metadata,
        output_seconds=None if kept is None else float(kept.seconds),
        webhook=webhook,
        caller=caller,
        request_id=request_id,
    )
