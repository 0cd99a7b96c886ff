"""What a request brings: its headers by name, its time limit, its lane, and its body, never more than the limit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from starlette.types import Receive

from broker.messages import FailureCode, Lane
from server.errors import ClientGone, Problem
from server.http.bytes_in_hand import Held

Headers = Mapping[bytes, bytes]
JSON = b"application/json"
BYTES = b"application/octet-stream"
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


def require_json(headers: Headers, every_header: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises `Problem` (unsupported_media_type) for other content; none named is taken for JSON."""
    kind = headers.get(b"content-type", JSON)
    if kind != JSON and not is_json(kind):
        raise Problem("unsupported_media_type", "Send the body with Content-Type: application/json")
    if b"content-encoding" in headers:
        require_plain(every_header)


def require_json_or_picture(headers: Headers, every_header: Iterable[tuple[bytes, bytes]]) -> None:
    """The same where the body may be the picture itself: as an image, as bytes, or with no type named."""
    kind = headers.get(b"content-type", JSON)
    if not is_json(kind) and not _is_picture(kind):
        said = "Send the picture itself with Content-Type: image/…, or JSON with Content-Type: application/json"
        raise Problem("unsupported_media_type", said)
    require_plain(every_header)


def require_plain(every_header: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises `Problem` (unsupported_media_type) for a body that is compressed."""
    encodings = (value for name, value in every_header if name == b"content-encoding")
    named = {one.strip().lower() for encoding in encodings for one in encoding.split(b",")}
    if not named <= {b"", b"identity"}:
        raise Problem("unsupported_media_type", "Send the body as it is, without Content-Encoding: none is read here")


def is_json(kind: bytes) -> bool:
    """Whether this content type is JSON, also one of its kinds."""
    media_type = _media_type(kind)
    return media_type == JSON or (media_type.startswith(b"application/") and media_type.endswith(b"+json"))


def _is_picture(kind: bytes) -> bool:
    # What kind of image a client says is not asked any further: the codec looks at the bytes.
    media_type = _media_type(kind)
    return media_type == BYTES or media_type.startswith(b"image/")


def _media_type(kind: bytes) -> bytes:
    return kind.partition(b";")[0].strip().lower()


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
