"""What a request brings: its headers by name, its time limit, its lane, and its body, never more than the limit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from starlette.types import Receive

from broker.messages import FailureCode, Lane
from server.errors import ClientGone, Problem
from server.http.bytes_in_hand import Held

Headers = Mapping[bytes, bytes]
NUMBER = re.compile(rb"[+-]?(\d{1,20}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,3})?")  # Python reads more than numbers
SHORTEST_LIMIT = 0.001  # seconds: the broker counts in milliseconds
LANES: Mapping[bytes, Lane] = {lane.value.encode("ascii"): lane for lane in Lane}


def time_limit(headers: Headers, default: float, longest: float) -> float:
    """Seconds this request may take. Raises `Problem` (malformed) for a header that is no number in range."""
    value = headers.get(b"x-request-timeout")
    if value is None:
        return default
    seconds = float(value) if NUMBER.fullmatch(value.strip(b" \t")) else math.nan
    if not SHORTEST_LIMIT <= seconds <= longest:  # also False for nan
        said = f"seconds, {SHORTEST_LIMIT:g} to {longest:g}"
        raise Problem("malformed", f"X-Request-Timeout must be a number of {said}")
    return seconds


def lane_of(headers: Headers) -> Lane:
    """Which lane this request takes. Raises `Problem` (malformed) for one that we do not have."""
    value = headers.get(b"jitney-lane")
    if value is None:
        return Lane.INTERACTIVE
    found = LANES.get(value.strip().lower())
    if found is None:
        raise Problem("malformed", f"Jitney-Lane must be {' or '.join(Lane)}")
    return found


async def read_body(headers: Headers, receive: Receive, limit: int, held: Held) -> bytes:
    """The whole body. Raises `Problem` (too_large, overloaded) as soon as that is clear: before it is
    read, where its size was declared. `ClientGone` when it breaks off."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit():
        size = int(declared[:16])  # a longer number is as much too large
        if size > limit:
            raise _too_large(limit)
        held.up_to(size)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_on(body, receive, limit, held)
    elif message["type"] == "http.disconnect":
        raise ClientGone
    if len(body) > limit:
        raise _too_large(limit)
    held.up_to(len(body))
    return body


async def _read_on(first: bytes, receive: Receive, limit: int, held: Held) -> bytes:
    chunks, size, more = [first], len(first), True
    while more and size <= limit:
        held.up_to(size)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(limit: int) -> Problem:
    return Problem(FailureCode.TOO_LARGE, f"The body may have at most {limit} bytes", limit=limit)
