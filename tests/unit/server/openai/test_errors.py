"""Under /v1/ every refusal is OpenAI's error object, and only what may go well the next time is asked for again."""

from __future__ import annotations

import msgspec
import pytest

from server.api.schema.openai import OpenAIProblem
from server.dialects.openai.errors import refuse, status_of
from server.errors import Problem
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio

WOULD_FAIL_AGAIN = (
    "malformed",
    "unknown_model",
    "canceled",
    "too_large",
    "invalid_input",
    "unknown_language",
    "key_reused",
    "model_error",
    "poison",
)
MAY_GO_WELL = ("request_timeout", "contended", "no_batcher", "broker_unavailable", "overloaded", "expired")


def is_asked_again(status: int) -> bool:
    """The rule of openai-python, langchain-openai and LlamaIndex."""
    return status in (408, 409, 429) or status >= 500


@pytest.mark.parametrize("code", WOULD_FAIL_AGAIN)
def test_what_would_only_fail_again_is_not_asked_again(code):
    assert not is_asked_again(status_of(code))


@pytest.mark.parametrize("code", MAY_GO_WELL)
def test_what_may_go_well_the_next_time_is_asked_again(code):
    assert is_asked_again(status_of(code))


@pytest.mark.parametrize(
    ("code", "status", "kind", "told"),
    [
        ("malformed", 400, "invalid_request_error", "malformed"),
        ("unknown_model", 404, "invalid_request_error", "model_not_found"),
        ("not_found", 404, "invalid_request_error", "not_found"),
        ("canceled", 400, "invalid_request_error", "canceled"),
        ("too_large", 413, "invalid_request_error", "too_large"),
        ("invalid_input", 400, "invalid_request_error", "invalid_input"),
        ("contended", 429, "rate_limit_error", "contended"),
        ("poison", 422, "server_error", "poison"),
        ("model_error", 422, "server_error", "model_error"),
        ("no_batcher", 503, "server_error", "no_batcher"),
        ("expired", 504, "server_error", "expired"),
    ],
)
def test_a_problem_has_a_status_and_a_type_that_clients_know(code, status, kind, told):
    shown = refuse(Problem(code, "why"), "abc")

    assert shown.status == status
    assert msgspec.json.decode(shown.body) == {"error": {"message": "why", "type": kind, "param": None, "code": told}}


def test_the_field_that_is_meant_is_named():
    shown = refuse(Problem("malformed", "why", param="input"), "abc")

    assert msgspec.json.decode(shown.body, type=OpenAIProblem).error.param == "input"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nowhere"), ("POST", "/v1/models"), ("GET", "/v1/")])
async def test_an_address_that_leads_nowhere_says_so_as_the_others_do(method, path):
    async with running() as jitney:
        answer = await jitney.client.request(method, path)

        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"]["code"] in ("not_found", "method_not_allowed")


async def test_an_error_of_ours_too():
    async with running() as jitney:
        jitney.front_end.tasks.discovery.directory = None  # type: ignore[assignment]
        answer = await jitney.client.get("/v1/models", headers={"X-Request-ID": "abc"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
        assert "NoneType" not in answer.text
        assert answer.headers["x-request-id"] == "abc"


async def test_what_may_come_back_says_when():
    async with running(met=False) as jitney:
        answer = await jitney.client.get("/v1/models")

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["type"] == "server_error"


async def test_elsewhere_problems_stay_as_they_are():
    async with running() as jitney:
        answer = await jitney.client.get("/v1nowhere")

        assert answer.headers["content-type"] == "application/problem+json"
