"""An address that several APIs share: each body is answered by the API that it is meant for, in its flavour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

from server.api.incoming import Incoming
from server.api.inference import Inference
from server.dialects.contract import Call, Row
from server.dialects.either import Either
from server.dialects.flavour import Flavour
from server.dialects.native import ROUTES
from server.dialects.whole import Whole
from server.errors import Problem, Refusal
from server.http.bodies import JSON_OR_FORM, Bodies
from tests.unit.server.stand_in import RunningFrontEnd, running, told

pytestmark = pytest.mark.anyio

FLAVOUR = Flavour(statuses={"malformed": 422, "poison": 424}, types={"poison": "Backend"})
NATIVE = {"payload": {"records": [{"id": 7, "text": "life"}]}}


class Bare(Whole):
    """`{"q": [...]}` → a bare list, for forms too."""

    times = 8
    known_by = ("q",)

    def takes(self, incoming: Incoming) -> Bodies:
        return JSON_OR_FORM

    def is_meant(self, incoming: Incoming) -> bool:
        return not incoming.is_json or super().is_meant(incoming)

    def read(self, incoming: Incoming) -> Call:
        q = incoming.fields(lists=["q"]).get("q")
        if not isinstance(q, list):
            raise Problem("malformed", "q is a list")
        return Call(self, incoming.model_named("echo"), q, {})

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        return msgspec.json.encode([call.tokens, *(row["text"] for row in self.rows(call, answers))])

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        return FLAVOUR.refuse(problem, request_id)


@asynccontextmanager
async def shared(**how: Any) -> AsyncIterator[RunningFrontEnd]:
    async with running(**how) as jitney:
        both = Inference(jitney.front_end, Either([Bare(), ROUTES["/models/{name}"]]))
        jitney.app.routes.insert(0, Route("/both/{name}", both, methods=["POST"]))
        yield jitney


async def test_our_own_envelope_is_answered_as_ever():
    async with shared() as jitney:
        answer = await jitney.client.post("/both/echo", json=NATIVE)

        assert answer.json() == {"result": [{"id": 7, "text": "LIFE"}]}


@pytest.mark.parametrize("how", [{"json": {"q": ["a", "life"]}}, {"data": {"q": ["a", "life"]}}], ids=["json", "form"])
async def test_the_other_one_is_answered_in_its_way(how):
    async with shared() as jitney:
        answer = await jitney.client.post("/both/echo", **how)

        assert (answer.status_code, answer.json()) == (200, [5, "A", "LIFE"])


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [({"q": ["a", "impossible"]}, 422, "invalid_input"), ({"q": ["a", "fail:poison"]}, 424, "Backend")],
)
async def test_one_record_s_problem_is_the_request_s_in_its_flavour(body, status, kind):
    async with shared() as jitney:
        answer = await jitney.client.post("/both/echo", json=body)

        assert (answer.status_code, answer.json()["status"], answer.json()["error_type"]) == (status, status, kind)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"] == answer.json()["message"] == answer.json()["detail"]


async def test_what_cannot_be_read_costs_nothing():
    async with shared() as jitney:
        await jitney.client.post("/both/echo", json={"q": ["a", "impossible"]})

        assert jitney.broker.jobs == []


@pytest.mark.parametrize("body", [b"{}", b"{", b"[]", b"", b'"payload"', b"\xff", b'{"p": "payload"}', b"[" * 9999])
async def test_what_is_meant_for_nobody_is_told_so_that_all_can_read_it(body):
    async with shared() as jitney:
        headers = {"content-type": "application/json"}
        answer = await jitney.client.post("/both/echo", content=body, headers=headers)

        assert told(answer) == (400, "malformed")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["error"].endswith(". One of these fields says which API is meant: q, payload.")


async def test_bounds_are_the_least_of_all():
    async with shared(max_records=2) as jitney:
        answer = await jitney.client.post("/both/echo", json={"q": ["a"] * 3})

        assert told(answer) == (413, "too_large")


async def test_a_type_that_none_takes_is_415():
    async with shared() as jitney:
        answer = await jitney.client.post("/both/echo", content=b"x", headers={"content-type": "text/plain"})

        assert told(answer) == (415, "unsupported_media_type")
