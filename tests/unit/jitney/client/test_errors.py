"""Refusals by their codes."""

from __future__ import annotations

import json

import pytest

from jitney.client import (
    Contended,
    Expired,
    InvalidInput,
    ModelFailed,
    NoBatcher,
    NotAllowed,
    NotFound,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
    UnknownLanguage,
)
from jitney.client.errors import refused
from jitney.client.received import Received
from server.errors import KINDS, Problem, document

KNOWN = {
    "malformed": InvalidInput,
    "not_found": NotFound,
    "unknown_model": NotFound,
    "too_large": InvalidInput,
    "unsupported_media_type": InvalidInput,
    "invalid_input": InvalidInput,
    "key_reused": InvalidInput,
    "unknown_language": UnknownLanguage,
    "unauthenticated": NotAllowed,
    "not_allowed": NotAllowed,
    "rate_limited": RateLimited,
    "contended": Contended,
    "model_error": ModelFailed,
    "poison": ModelFailed,
    "no_batcher": NoBatcher,
    "broker_unavailable": Unavailable,
    "broker_full": Unavailable,
    "not_durable": Unavailable,
    "store_unavailable": Unavailable,
    "history_unavailable": Unavailable,
    "overloaded": Unavailable,
    "expired": Expired,
}


def as_sent(code: str) -> Refused:
    problem = Problem(code, "This is why.", languages=["en"])
    return refused(Received(status=problem.status, headers={"x-request-id": "r1"}, body=document(problem, "r1")))


@pytest.mark.parametrize("code", KINDS)
def test_every_code_of_the_server_has_its_class(code: str) -> None:
    assert type(as_sent(code)) is KNOWN.get(code, Refused)


def test_a_refusal_has_what_the_server_said() -> None:
    error = as_sent("unknown_language")

    assert (error.status, error.code, error.detail, error.request_id) == (422, "unknown_language", "This is why.", "r1")
    assert error.problem["languages"] == ["en"]
    assert str(error) == "422 unknown_language: This is why."


def test_a_deadline_that_the_server_saw_pass_is_both_a_refusal_and_time_that_is_over() -> None:
    assert isinstance(as_sent("expired"), TimedOut)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, NotAllowed), (403, NotAllowed), (429, RateLimited), (502, Unavailable), (418, Refused)]
)
def test_what_a_proxy_says_goes_by_its_status(status: int, kind: type[Refused]) -> None:
    error = refused(Received(status=status, headers={}, body=b"<html>no</html>"))

    assert type(error) is kind
    assert (error.code, error.detail) == (f"http_{status}", "<html>no</html>")


def test_openais_errors_are_read_too() -> None:
    body = json.dumps({"error": {"message": "Slower.", "type": "rate_limit_error", "code": None}}).encode()

    error = refused(Received(status=429, headers={"retry-after": "3"}, body=body))

    assert (error.code, error.detail, error.retry_after) == ("rate_limit_error", "Slower.", 3.0)
