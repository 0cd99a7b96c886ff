"""Predictions as calls: submitted now, fetched later. Pure; `sync.py` and `aio.py` have what a caller holds."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import quote

from jitney.client import reading
from jitney.client.answers import Progress
from jitney.client.calls import Call
from jitney.client.errors import BadReply
from jitney.client.received import Received

T = TypeVar("T")

LONGEST_WAIT = 20.0  # seconds of one question: proxies cut off at 60, the server answers after 30
SHORTEST_PATIENCE, NO_TIME = 1.0, 0.05  # seconds
SHORTEST_ROUND = 0.5  # seconds: a front end that is ending answers at once
STILL_OPEN = 202


def submission(call: Call[T], *, key: str | None, within: float | None, webhook: str | None) -> Call[str]:
    """Its reply is the prediction's id. It has a key in any case, so that a try more makes no second prediction."""
    import uuid  # here alone: it takes long to import

    headers = {"Prefer": "respond-async", "Idempotency-Key": key or str(uuid.uuid4())}
    if within is not None:
        headers["X-Request-Timeout"] = f"{within:.3f}"
    if webhook is not None:
        headers["Jitney-Webhook"] = webhook
    return Call(address=call.address, payload=call.payload, headers=headers, read=_id, tells_time=False)


def _id(received: Received) -> str:
    reading.document(received)
    id = received.headers.get("location", "").rpartition("/")[2]
    if received.status != STILL_OPEN or not id:
        raise BadReply("no prediction was made: this address cannot be answered later")
    return id


def status(id: str) -> Call[Progress]:
    return Call(method="GET", address=_address(id), read=reading.progress)


def status_after(id: str, left: float) -> Call[Progress]:
    """When it has ended, or soon enough for whoever has so many seconds left."""
    wait = _asked(left)
    return Call(method="GET", address=f"{_address(id)}?wait={wait:.3f}", read=reading.progress, tells_time=False)


def _asked(left: float) -> float:
    return max(0.0, min(0.9 * left, LONGEST_WAIT))


def pause(left: float, took: float) -> float:
    """Seconds until the next question, where this one's answer came sooner than was asked for."""
    return max(0.0, min(SHORTEST_ROUND, _asked(left)) - took)


def patience(left: float) -> float:
    """Seconds for that question: whoever has none left is told once how things are."""
    return max(left, SHORTEST_PATIENCE)


def result(id: str, call: Call[T]) -> Call[T]:
    """Of a prediction that has ended: what the call that waits would have come to."""
    return Call(method="GET", address=f"{_address(id)}/result", read=call.read)


def cancel(id: str) -> Call[None]:
    """Or forget it, where it has ended."""
    return Call(method="DELETE", address=_address(id), read=_nothing, may_repeat=False)


def _nothing(received: Received) -> None:
    if received.status != 204:
        reading.document(received)


def _address(id: str) -> str:
    return f"/predictions/{quote(id, safe='')}"
