"""What holds for the address of every inference of every API: who hangs up is left alone, and what is too much or of a
wrong method is refused as the API's clients know it. New APIs are tried by themselves, from `FAMILIES`."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.types import Message

from broker.messages import FailureCode, Verdict
from server.api.operation import Operation
from server.dialects.families import FAMILIES
from server.errors import KINDS
from tests.unit.server.dialects.test_odd_bodies import LANGUAGES, MODELS, OfItsTask
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, announced, card, never, running

pytestmark = pytest.mark.anyio

EXAMPLES = [
    one
    for family in FAMILIES
    for one in family.operations
    if one.method == "post" and one.example is not None and one.path in family.inferences
]
# Without those whose model is named in the body, or that have no jobs.
WITHOUT_JOBS = ("/tokenize", "/decode")
OF_A_MODEL = [one for one in EXAMPLES if (one.task or "{name}" in one.path) and not one.path.endswith(WITHOUT_JOBS)]
PATHS = sorted({one.path for one in EXAMPLES})
# Elsewhere vectors and pictures have bounds of their own; all have one here.
BOUNDS = {"max_body_bytes": 100, "max_image_body_bytes": 100, "max_cluster_bytes": 100}
# Its errors come in the words of those with whom it shares the beginning of its address.
OF_OTHERS = ("/v1/models/{name}:predict",)
FIRST_TEXT = re.compile(rb'(?<=[:\[] )"|(?<=[:\[])"')  # where it begins: names stand elsewhere
JSON = {"content-type": "application/json"}
CONTENDED = Verdict(waiting=9, refusal=FailureCode.CONTENDED)


def address(path: str) -> str:
    return path.replace("{name}", "classification")


def is_told(answer: httpx2.Response, code: str) -> bool:
    """As one of the APIs at this address tells it, or as all of them together do."""
    asked = [one for one in EXAMPLES if address(one.path) == answer.request.url.path]
    statuses = {one.status_of(code) for one in asked} | {KINDS[code].status}
    told = answer.json()
    error = told["error"]["code"] if isinstance(told.get("error"), dict) else told["code"]
    return answer.status_code in statuses and error == code and any(fits(told, one.problem) for one in asked)


def fits(document: object, kind: type[Any]) -> bool:
    try:
        msgspec.convert(document, kind)
    except msgspec.ValidationError:
        return False
    return True


async def hang_up(jitney: RunningFrontEnd, one: Operation) -> list[Message]:
    """Ask, and hang up once the broker has heard of it; what was answered all the same."""
    assert one.example is not None
    body = json.dumps(one.example(LANGUAGES)).encode()
    requests = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if requests:
            return requests.pop()
        await jitney.broker.admitted.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": address(one.path), "headers": headers, "root_path": ""}
    await jitney.app(scope | {"query_string": b""}, receive, send)
    return sent


@pytest.mark.parametrize("one", OF_A_MODEL, ids=lambda one: f"{one.task or 'any'} {one.path}")
async def test_a_client_that_hangs_up_gives_its_jobs_back(one, monkeypatch):
    monkeypatch.setattr("server.http.deadline.LATE", 60.0)  # clients are listened to from the start
    model = card("classification", task=one.task or "classification", languages=["en", "ja"])
    broker = ScriptedBroker([announced(model)], answers=False)
    async with running(broker, make_codec=OfItsTask) as jitney, asyncio.timeout(20):
        sent = await hang_up(jitney, one)
        assert sent == []
        await jitney.until(lambda: broker.cancelled)

        assert set(broker.cancelled) == {job.id for job in broker.jobs}
        assert len(jitney.front_end.pending) == 0
        assert jitney.front_end.bytes_in_hand.held == 0


async def test_one_that_hangs_up_while_we_wait_for_room_ends_the_waiting(monkeypatch):
    monkeypatch.setattr("server.http.deadline.LATE", 60.0)
    monkeypatch.setattr("server.dialects.libretranslate.patient.pause", never)
    (one,) = (one for one in EXAMPLES if one.path == "/translate")
    async with running(ScriptedBroker(MODELS, verdict=CONTENDED), make_codec=OfItsTask) as jitney:
        sent = await hang_up(jitney, one)

        assert sent == []
        assert len(jitney.front_end.pending) == 0
        assert jitney.front_end.bytes_in_hand.held == 0


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_is_too_large_is_told_as_the_clients_know_it(path):
    async with running(ScriptedBroker(MODELS), make_codec=OfItsTask, **BOUNDS) as jitney:
        answer = await jitney.client.post(address(path), json={"x": "x" * 10_000})

        assert is_told(answer, "too_large"), answer.text


@pytest.mark.parametrize(
    "one",
    [one for one in EXAMPLES if not one.path.endswith("/decode")],
    ids=lambda one: f"{one.task or 'any'} {one.path}",
)
async def test_so_is_a_text_that_is_not_utf_8(one):
    body = FIRST_TEXT.sub(b'"\xff', json.dumps(one.example(LANGUAGES)).encode(), count=1)
    async with running(ScriptedBroker(MODELS), make_codec=OfItsTask, alias="demo=classification") as jitney:
        answer = await jitney.client.post(address(one.path), content=body, headers=JSON)

        assert is_told(answer, "malformed"), answer.text


@pytest.mark.parametrize("path", [path for path in PATHS if path not in OF_OTHERS])
async def test_so_is_a_method_that_is_not_taken_and_options_says_which_are(path):
    async with running(ScriptedBroker(MODELS), make_codec=OfItsTask) as jitney:
        refused = await jitney.client.delete(address(path))
        without_body = await jitney.client.head(address(path))
        asked = await jitney.client.options(address(path))

        assert is_told(refused, "method_not_allowed"), refused.text
        assert (without_body.status_code, without_body.content) == (200 if path == "/" else 405, b"")
        assert (asked.status_code, asked.content) == (204, b"")
        assert "POST" in asked.headers["allow"] and "POST" in refused.headers["allow"]
