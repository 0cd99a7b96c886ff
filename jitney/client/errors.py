"""Every way a call ends without a result: one tree, told apart by the server's codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jitney.client.headers import retry_after
from jitney.client.received import Received

LONGEST_SAID = 300  # characters of somebody's error page


class JitneyError(Exception):
    """All of them."""

    places: range | None = None  # where it ended many texts: of those it is about, from 0


def ended_at(error: JitneyError, places: range) -> JitneyError:
    """The same, and where it ended many texts."""
    error.places = places
    error.add_note(f"of many texts {places.start} are answered; those from place {places.start} on (from 0) are not")
    return error


class CannotReach(JitneyError):
    """No reply: nothing listens there, or the connection broke."""


class TimedOut(JitneyError):
    """The time of the call is over."""


class BadReply(JitneyError):
    """Somebody answered, but not as Jitney does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordError:
    """Why one record has no answer while others have."""

    code: str
    message: str


class RecordFailed(JitneyError):
    """A record of several failed, and the client was made with `raise_on_error`."""

    def __init__(self, place: int, error: RecordError) -> None:
        super().__init__(f"record {place}: {error.code}: {error.message}")
        self.place = place  # in the order of the call, from 0
        self.error = error


class Refused(JitneyError):
    """The server said no. `problem` is its document, and `code` says which problem; it never changes its meaning."""

    def __init__(self, received: Received, code: str, detail: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{received.status} {code}: {detail}")
        self.status = received.status
        self.code = code
        self.detail = detail
        self.problem = problem
        self.request_id = received.headers.get("x-request-id", "")
        self.retry_after = retry_after(received.headers, datetime.now(UTC))  # seconds, where the server says it


class InvalidInput(Refused):
    """What was asked cannot be computed, and would not be at another try."""


class UnknownLanguage(InvalidInput):
    """The model does not know it; `problem["languages"]` are those that it knows."""


class NotFound(Refused):
    """No such model, no such prediction, no such address."""


class NotAllowed(Refused):
    """Whoever asks may not."""


class ModelFailed(Refused):
    """The model failed on this input; a try more would cost the card the same."""


class RateLimited(Refused):
    """Too much at once, for now."""


class Contended(RateLimited):
    """Too much waits already to be answered in time."""


class Unavailable(Refused):
    """The server cannot answer for now."""


class NoBatcher(Unavailable):
    """Nobody serves this model at the moment."""


class Expired(Refused, TimedOut):
    """The server saw the time of the call end."""


BY_CODE: Mapping[str, type[Refused]] = {
    "unknown_language": UnknownLanguage,
    "model_error": ModelFailed,
    "poison": ModelFailed,
    "contended": Contended,
    "no_batcher": NoBatcher,
    "expired": Expired,
}
BY_STATUS: Mapping[int, type[Refused]] = {
    400: InvalidInput,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    413: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
}


def refused(received: Received) -> Refused:
    """The error that this reply is."""
    code, detail = problem(received.status, received.body)
    said = as_json(received.body)
    kind = BY_CODE.get(code) or BY_STATUS.get(received.status, Refused)
    return kind(received, code, detail, said if isinstance(said, dict) else {})


def problem(status: int, body: bytes) -> tuple[str, str]:
    """Its code and detail, as we and OpenAI have them; of what is no such document the status and how it begins."""
    said = as_json(body)
    if isinstance(said, dict) and isinstance(said.get("code"), str):
        return said["code"], str(said.get("detail", ""))
    theirs = said.get("error") if isinstance(said, dict) else None
    if isinstance(theirs, dict):
        return str(theirs.get("code") or theirs.get("type")), str(theirs.get("message", ""))
    return f"http_{status}", body[:LONGEST_SAID].decode("utf-8", "replace").strip()


def as_json(body: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
