"""Every problem has its status, its code and its document."""

from __future__ import annotations

import msgspec
import pytest

from broker.messages import FailureCode
from server.api.schema.service import ProblemDocument
from server.codecs.errors import CodecError
from server.errors import KINDS, Problem, document, headers, problem_of, retry_after, whole_seconds
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio

STATUSES = {
    "malformed": 400,
    "unauthenticated": 401,
    "not_allowed": 403,
    "not_found": 404,
    "unknown_model": 404,
    "method_not_allowed": 405,
    "canceled": 409,
    "prediction_lost": 410,
    "request_timeout": 408,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid_input": 422,
    "key_reused": 422,
    "unknown_language": 422,
    "contended": 429,
    "rate_limited": 429,
    "headers_too_large": 431,
    "model_error": 500,
    "poison": 500,
    "internal": 500,
    "no_batcher": 503,
    "broker_unavailable": 503,
    "broker_full": 503,
    "not_durable": 503,
    "store_unavailable": 503,
    "history_unavailable": 503,
    "overloaded": 503,
    "expired": 504,
    "not_cached": 504,
    "store_full": 507,
}


def test_every_failure_code_has_a_kind():
    assert set(FailureCode) - KINDS.keys() == set()


def test_each_code_has_one_status_and_clients_know_it():
    assert {code: kind.status for code, kind in KINDS.items()} == STATUSES


async def test_a_problem_is_a_document_of_rfc_9457():
    async with running() as jitney:
        answer = await jitney.ask("fail:model_error", headers={"X-Request-ID": "abc"})

        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "urn:jitney:problem:model_error",
            "title": "The model failed on this input",
            "status": 500,
            "detail": "fail:model_error happened",
            "instance": "urn:jitney:request:abc",
            "code": "model_error",
            "request_id": "abc",
        }


async def test_a_problem_echoes_the_request_id_as_a_header():
    async with running() as jitney:
        answer = await jitney.client.get("/nowhere", headers={"X-Request-ID": "abc"})

        assert answer.headers["x-request-id"] == "abc"


def test_a_codec_s_unheard_of_code_is_invalid_input():
    assert problem_of(CodecError("odd", code="odd")).code == "invalid_input"


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, 1), (0.0, 1), (0.2, 1), (1.0, 1), (1.1, 2), (59.5, 60), (4_000.0, 60)]
)
def test_retry_after_is_whole_seconds_and_at_least_one(seconds, said):
    assert whole_seconds(seconds) == said


@pytest.mark.parametrize(("away", "waits"), [(0.0, 1.0), (1.0, 1.0), (10.0, 5.0), (10_000.0, 30.0)])
def test_the_longer_something_is_away_the_later_one_is_asked_back(away, waits):
    assert retry_after(away) == waits


@pytest.mark.parametrize("code", sorted(KINDS))
def test_only_429_and_503_ask_to_come_back(code):
    problem = Problem(code, "")

    names = [name for name, _ in headers(problem, 0)]

    assert (b"retry-after" in names) == (problem.status in (429, 503))


def test_documents_match_their_schema():
    written = document(Problem("no_batcher", "none", languages=["en"]), "abc")

    assert msgspec.json.decode(written, type=ProblemDocument).code == "no_batcher"
