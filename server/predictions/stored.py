"""A prediction's request and answer, as front ends keep them at the broker."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from server.errors import Problem

# Of a request's headers those that its answer depends on, or that go with its jobs.
KEPT = ("content-type", "jitney-lane", "traceparent", "x-request-id")
MOST = 8_192  # bytes of all but the body


class Stored(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request, but for its body."""

    path: str
    query: str
    headers: dict[str, str]
    model: str  # its name, never a revision: a rollout may pass meanwhile
    task: str
    lane: str
    webhook: str = ""  # whom to tell when it has ended


class Answer(Struct, frozen=True, kw_only=True):
    """What the client would have got, had it waited."""

    status: int
    media_type: str
    body: bytes
    timing: str = ""
    model: str = ""  # who answered, name@revision


_requests, _answers = msgspec.json.Decoder(Stored), msgspec.msgpack.Decoder(Answer)


def kept_headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    found = {name: headers.get(name.encode("ascii")) for name in KEPT}
    return {name: value.decode("latin-1") for name, value in found.items() if value is not None}


def request_to_bytes(request: Stored) -> bytes:
    """Raises `Problem` (headers_too_large)."""
    found = msgspec.json.encode(request)
    if len(found) > MOST:
        raise Problem("headers_too_large", f"Address and headers of a prediction may have at most {MOST} bytes.")
    return found


def request_from(data: bytes) -> Stored:
    return _requests.decode(data)


def answer_to_bytes(answer: Answer) -> bytes:
    return msgspec.msgpack.encode(answer)


def answer_from(data: bytes) -> Answer:
    return _answers.decode(data)
