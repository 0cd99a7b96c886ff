"""Every way a request ends without a result: one table of stable codes, their status and title (RFC 9457)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.messages import Failure, FailureCode
from server.codecs.errors import CodecError
from server.json import to_json


@dataclass(frozen=True, slots=True)
class Kind:
    """What every problem with one code has in common."""

    status: int
    title: str


KINDS: Mapping[str, Kind] = {
    "malformed": Kind(400, "The request is malformed"),
    "unauthenticated": Kind(401, "A key is needed"),
    "not_allowed": Kind(403, "This key does not allow it"),
    "not_found": Kind(404, "There is nothing at this address"),
    "unknown_model": Kind(404, "No such model"),
    "method_not_allowed": Kind(405, "This address does not take this method"),
    "canceled": Kind(409, "This was canceled"),
    "prediction_lost": Kind(410, "The broker has lost this prediction"),
    "request_timeout": Kind(408, "The request did not arrive in time"),
    FailureCode.TOO_LARGE: Kind(413, "Too large"),
    "unsupported_media_type": Kind(415, "A body of this type or encoding is not read here"),
    FailureCode.INVALID_INPUT: Kind(422, "This input cannot be computed"),
    "key_reused": Kind(422, "This key belongs to another request"),
    "unknown_language": Kind(422, "The model does not know this language"),
    FailureCode.CONTENDED: Kind(429, "Too much is waiting already"),
    FailureCode.RATE_LIMITED: Kind(429, "This caller has asked for more than it may"),
    "headers_too_large": Kind(431, "The headers are too large"),
    FailureCode.MODEL_ERROR: Kind(500, "The model failed on this input"),
    FailureCode.POISON: Kind(500, "This input crashed the model and was set aside"),
    "internal": Kind(500, "The server failed"),
    FailureCode.NO_BATCHER: Kind(503, "No batcher serves this model at the moment"),
    FailureCode.BROKER_UNAVAILABLE: Kind(503, "The broker is away"),
    "not_durable": Kind(503, "The broker has not confirmed that this is on its disk"),
    FailureCode.BROKER_FULL: Kind(503, "The broker is out of memory"),
    "store_unavailable": Kind(503, "The store of files is away"),
    "history_unavailable": Kind(503, "The database of the history is away"),
    "overloaded": Kind(503, "This front end has too much in hand"),
    FailureCode.EXPIRED: Kind(504, "The deadline passed"),
    "not_cached": Kind(504, "The cache has no answer to this"),
    "store_full": Kind(507, "The store of files has no room"),
}
OF_STATUS = {404: "not_found", 405: "method_not_allowed"}  # what routing may raise
ASKS_TO_COME_BACK = (429, 503)
ENDS_THE_CONNECTION = (408, 431)  # what would come next on it is not the beginning of a request
SHORTEST_RETRY, LONGEST_RETRY = 1.0, 60.0  # seconds
LONGEST_QUOTA = 86_400.0  # seconds: a quota of a day is there again tomorrow, and not before
MEDIA_TYPE = b"application/problem+json"
INTERNAL_DETAIL = "The error has been logged; the request id finds it."


class Problem(Exception):
    """A request, or one of its records, ends here. `detail` is shown to the client: no internals in it."""

    def __init__(
        self, code: str, detail: str, *, retry_after: float | None = None, unserved: str = "", **extra: Any
    ) -> None:
        super().__init__(detail)
        self.code = str(code) if code in KINDS else "internal"
        self.detail = detail
        self.retry_after = retry_after  # seconds; only 429 and 503 say it
        self.unserved = unserved  # the known model that has no batcher: counted, and not shown
        self.extra = extra  # further members of the problem document, such as languages=[...]

    @property
    def status(self) -> int:
        return KINDS[self.code].status


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem as a client reads it; `headers` says what goes with it."""

    status: int
    body: bytes
    media_type: bytes


class ClientGone(Exception):
    """The client hung up: nobody is left to answer."""


def problem_of(error: Failure | CodecError) -> Problem:
    """What a failed job, or a text that no codec takes, means to the client."""
    if isinstance(error, Failure):
        return Problem(error.code, error.message)
    return Problem(error.code if error.code in KINDS else FailureCode.INVALID_INPUT, error.message, **error.extra)


def refusal(problem: Problem, request_id: str) -> Refusal:
    """How we tell a problem wherever no dialect says otherwise."""
    return Refusal(problem.status, document(problem, request_id), MEDIA_TYPE)


def document(problem: Problem, request_id: str) -> bytes:
    """The problem as JSON, with the members of RFC 9457 and ours."""
    return to_json(members(problem, request_id))


def members(problem: Problem, request_id: str) -> dict[str, Any]:
    """The same, not yet written."""
    return {
        "type": f"urn:jitney:problem:{problem.code}",
        "title": KINDS[problem.code].title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:jitney:request:{request_id}",
        "code": problem.code,
        "request_id": request_id,
        **problem.extra,
    }


def headers(problem: Problem, length: int, media_type: bytes = MEDIA_TYPE, told: int = 0) -> list[tuple[bytes, bytes]]:
    """The headers that belong to the document; 429 and 503 always say when to come back, 408 and 431 that it ends.

    `told`: the status that an API has in the place of ours.
    """
    found = [(b"content-type", media_type), (b"content-length", b"%d" % length)]
    if problem.status in ASKS_TO_COME_BACK or told in ASKS_TO_COME_BACK:
        longest = LONGEST_QUOTA if problem.code == FailureCode.RATE_LIMITED else LONGEST_RETRY
        found.append((b"retry-after", b"%d" % whole_seconds(problem.retry_after, longest)))
    if problem.status in ENDS_THE_CONNECTION:
        found.append((b"connection", b"close"))
    return found


def whole_seconds(wait: float | None, longest: float = LONGEST_RETRY) -> int:
    """A wait as `Retry-After` has it: whole seconds, at least one. An unknown wait is one second."""
    return math.ceil(min(max(wait or SHORTEST_RETRY, SHORTEST_RETRY), longest))


def retry_after(outage: float) -> float:
    """Seconds until one should ask again for what has been away for `outage` seconds: half as long, within reason."""
    return min(max(outage / 2, SHORTEST_RETRY), LONGEST_RETRY / 2)
