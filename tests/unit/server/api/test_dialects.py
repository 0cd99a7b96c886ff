"""The seam of the dialects: another API over the same core is a class of a few methods and a route."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

from broker.messages import FailureCode, Verdict
from server.api.incoming import Incoming
from server.api.inference import Inference
from server.codecs.contract import Input, Piece, Plan
from server.codecs.work import UNBOUNDED, Work
from server.dialects.contract import Call, Dialect, Row
from server.errors import Problem, Refusal
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, WordCodec, announced, card, running

pytestmark = pytest.mark.anyio


class Plain(Dialect):
    """Another API: `{"q": [...], "from": …}` → a bare list; one failure fails the whole; errors are `{"error": …}`."""

    def read(self, incoming: Incoming) -> Call:
        try:
            asked = msgspec.json.decode(incoming.body, type=dict[str, Any])
        except ValueError as error:
            raise Problem("malformed", "this is not JSON") from error
        served = incoming.model_of("translation", asked.get("model"))
        return Call(self, served, asked["q"], {"fromLang": asked.get("from", "en")}, memo=asked.get("loud"))

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        for answer in answers:
            if isinstance(answer, Problem):
                raise answer
        return msgspec.json.encode([f"{answer['text']}{call.memo or ''}" for answer in answers])  # type: ignore[index]

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        status = 403 if problem.status == 429 else problem.status
        return Refusal(status, msgspec.json.encode({"error": problem.detail}), b"application/json")


@asynccontextmanager
async def plain(broker: ScriptedBroker | None = None, **how: Any) -> AsyncIterator[RunningFrontEnd]:
    broker = broker or ScriptedBroker()
    broker.announcements = [announced(card(task="translation"))]
    async with running(broker, **how) as jitney:
        jitney.app.routes.append(Route("/plain", Inference(jitney.front_end, Plain()), methods=["POST"]))
        yield jitney


async def test_it_reads_fields_of_its_own_and_replies_in_its_own_shape():
    async with plain() as jitney:
        answer = await jitney.client.post("/plain", json={"q": ["a box", "life"], "loud": "!"})

        assert (answer.status_code, answer.json()) == (200, ["A BOX!", "LIFE!"])
        assert answer.headers["jitney-model"] == "echo@r1"
        assert answer.headers["server-timing"].startswith("queue;dur=3.00")


async def test_its_fields_reach_the_codec():
    async with plain() as jitney:
        answer = await jitney.client.post("/plain", json={"q": ["life"], "from": "tlh"})

        assert (answer.status_code, answer.json()) == (422, {"error": "unknown language tlh"})


class Raw(Plain):
    """The body is one record's input, as it is."""

    def read(self, incoming: Incoming) -> Call:
        return Call(self, incoming.model_of("translation"), [incoming.body], {})


class BytesCodec(WordCodec):
    def encode(self, input: Input, options: Any, work: Work = UNBOUNDED) -> Plan:
        assert isinstance(input, bytes)
        return Plan(pieces=[Piece(input=f"r1:{input[:4].hex()}, {len(input)} bytes", cost=1)])


@pytest.mark.parametrize("size", [4, 100_000], ids=["here", "in a thread"])
async def test_an_input_may_be_bytes(size):
    async with plain(make_codec=BytesCodec) as jitney:
        jitney.app.routes.append(Route("/raw", Inference(jitney.front_end, Raw()), methods=["POST"]))

        answer = await jitney.client.post("/raw", content=b"\xff\xd8\x00\x01".ljust(size, b"\x00"))

        assert (answer.status_code, answer.json()) == (200, [f"FFD80001, {size} BYTES"])


@pytest.mark.parametrize(
    ("body", "how", "status", "error"),
    [
        pytest.param(b"{", {}, 400, "this is not JSON", id="what it raises itself"),
        pytest.param(b'{"q": ["a"], "model": "other"}', {}, 404, None, id="no such model"),
        pytest.param(b'{"q": ["a", "b"]}', {"max_records": 1}, 413, None, id="a bound of the core"),
        pytest.param(b"[" * 99, {"max_body_bytes": 50}, 413, None, id="a body that is too large to be read"),
        pytest.param(b'{"q": ["a", "fail:model_error"]}', {}, 500, "fail:model_error happened", id="one of several"),
        pytest.param(b'{"q": ["impossible"]}', {}, 422, "this text is impossible", id="every one"),
    ],
)
async def test_its_errors_have_its_own_shape_wherever_they_arise(body, how, status, error):
    async with plain(**how) as jitney:
        answer = await jitney.client.post("/plain", content=body)

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert answer.json().keys() == {"error"}
        assert error in (None, answer.json()["error"])
        assert answer.headers["x-request-id"]


async def test_a_status_of_its_own_keeps_the_header_that_says_when_to_come_back():
    contended = Verdict(refusal=FailureCode.CONTENDED, waiting=9)
    async with plain(ScriptedBroker(verdict=contended)) as jitney:
        answer = await jitney.client.post("/plain", json={"q": ["life"]})

        assert (answer.status_code, "retry-after" in answer.headers) == (403, True)


class Crashing(WordCodec):
    def check(self, options: Any) -> None:
        raise RuntimeError("secret internals")


async def test_a_crash_is_told_in_its_shape_too():
    async with plain(make_codec=Crashing) as jitney:
        answer = await jitney.client.post("/plain", json={"q": ["life"]})

        assert (answer.status_code, answer.json().keys()) == (500, {"error"})
        assert "secret" not in answer.text


async def test_failures_are_counted_also_where_one_refuses_the_whole():
    async with plain() as jitney:
        await jitney.client.post("/plain", json={"q": ["a", "fail:model_error"]})

        assert jitney.front_end.metrics.failed_records == {("echo", "model_error"): 1}


async def test_what_comes_before_a_route_is_told_in_our_own_words():
    async with plain() as jitney:
        answer = await jitney.client.post("/plain/else", json={})

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.headers["content-type"] == "application/problem+json"
