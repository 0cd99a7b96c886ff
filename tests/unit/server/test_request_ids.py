"""Whoever has the id of a request finds every line about it in a front end's log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker.common.throttled_log import ThrottledLog
from broker.predictions.contract import Order
from server.batches.kept import SHOWN
from server.codecs import encoding
from server.errors import ClientGone, Problem
from server.files.download import Downloads
from server.files.files import File
from server.files.store import StoreAway
from server.http.context import RequestContext
from server.predictions.events.stream import Story
from server.predictions.runner import Runner
from server.predictions.stored import Stored, request_to_bytes
from server.webhooks import sender
from server.webhooks.signature import secrets_in
from tests.unit.server.predictions.asking import ASYNC
from tests.unit.server.stand_in import RunningFrontEnd, running
from tests.webhook_receiver import LOOPBACK, SECRET, local_receiver

pytestmark = pytest.mark.anyio
ID = "order-7"
NAMED = {"X-Request-ID": ID}


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test made a codec tell keeps none of these silent; webhooks are sent at once."""
    monkeypatch.setattr(encoding, "_log_failed", ThrottledLog(encoding.log.error))
    monkeypatch.setattr(sender, "LOOK", 0.01)


def of(lines: list[Any], event: str) -> list[str | None]:
    """Whose the lines of an event are."""
    return [line.get("request_id") for line in lines if line["event"] == event]


@pytest.mark.parametrize(
    "texts", [["bug"], ["undecodable"], ["bug", "x" * 10_000]], ids=["encoded", "decoded", "in a thread"]
)
async def test_a_mistake_of_a_codec(texts: list[str]) -> None:
    async with running() as jitney:
        with capture_logs() as lines:
            await jitney.ask(*texts, headers=NAMED)

    assert (of(lines, "codec failed"), of(lines, "records failed")) == ([ID], [ID])
    assert [line["codes"] for line in lines if line["event"] == "records failed"] == [{"internal": 1}]


async def test_a_mistake_of_a_codec_on_behalf_of_a_prediction() -> None:
    async with running() as jitney:
        with capture_logs() as lines:
            await jitney.ask("bug", headers=NAMED | ASYNC)
            await jitney.until(lambda: of(lines, "prediction ended"))

    assert {line.get("request_id") for line in lines} == {ID}


async def test_a_prediction_that_is_given_up() -> None:
    stored = Stored(path="/", query="", headers={"x-request-id": ID}, model="echo", task="", lane="bulk")
    order = Order(
        id="p", owner="f", request=request_to_bytes(stored), body=b"", records=1, time_left=0.0, keep=1.0, runs=True
    )
    async with running() as jitney:
        jitney.front_end.tasks.breaker.open()
        with capture_logs() as lines:
            await Runner(jitney.front_end, jitney.app)("p", order)

    assert of(lines, "prediction given up") == [ID]


async def test_a_batch_its_webhook_and_its_lines(tmp_path: Path) -> None:
    given = {"files": str(tmp_path), "webhooks": True, "webhook_allow": LOOPBACK}
    with local_receiver(410) as receiver, capture_logs() as lines:
        async with running(**given) as jitney:
            jitney.front_end.webhook_secrets = secrets_in(SECRET)
            id = await created(jitney, NAMED | {"Jitney-Webhook": receiver.url})
            await jitney.until(lambda: of(lines, "webhook"))

    assert (of(lines, "batch ended"), of(lines, "webhook")) == ([ID], [ID])
    assert of(lines, "records failed") == [f"{id[:SHOWN]}-1"]


async def created(jitney: RunningFrontEnd, headers: dict[str, str]) -> str:
    """The id of a batch of one line, which fails."""
    asked = {"payload": {"records": [{"id": 1, "text": "impossible"}]}}
    line = {"custom_id": "a", "method": "POST", "url": "/models/echo", "body": asked}
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", json.dumps(line).encode())}}
    file = (await jitney.client.post("/v1/files", **form)).json()["id"]
    wanted = {"input_file_id": file, "endpoint": "/models/echo", "completion_window": "24h"}
    return str((await jitney.client.post("/v1/batches", json=wanted, headers=headers)).json()["id"])


@pytest.mark.parametrize(
    ("error", "event"), [(Problem("broker_unavailable", ""), "webhook not settled"), (KeyError(), "webhook crashed")]
)
async def test_a_webhook_of_which_nobody_knows_what_became(
    error: Exception, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(sender.Sender, "_event", fail)
    with local_receiver() as receiver, capture_logs() as lines:
        async with running(webhooks=True, webhook_allow=LOOPBACK) as jitney:
            await jitney.ask("life", headers=NAMED | ASYNC | {"Jitney-Webhook": receiver.url})
            await jitney.until(lambda: of(lines, event))

    assert of(lines, event) == [ID]


async def test_events_that_break_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise KeyError

    async with running() as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        monkeypatch.setattr(Story, "_tell_while_open", fail)
        with capture_logs() as lines:
            await jitney.client.get(f"{accepted.headers['location']}/events", headers=NAMED)

    assert of(lines, "events broken off") == [ID]


class Failing:
    """A store that fails in the middle of a file."""

    async def content(self, id: str) -> AsyncIterator[bytes]:
        yield b"one"
        raise StoreAway("gone")


async def test_a_download_that_breaks_off() -> None:
    files: Any = Failing()
    scope = {"type": "http", "method": "GET", "context": RequestContext(ID.encode(), 0.0, {})}

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(_: Any) -> None:
        return

    with capture_logs() as lines, pytest.raises(ClientGone):
        await Downloads(files).send(a_file(), scope, receive, send)

    assert of(lines, "download broken off") == [ID]


def a_file() -> File:
    return File(id="file-1", bytes=9, created_at=0, filename="in.jsonl", purpose="batch")
