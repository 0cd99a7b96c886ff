"""Whoever creates a batch with `Jitney-Webhook` is told of its end, as OpenAI's clients take it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from server.batches.kept import Asked, End, new_id
from server.batches.leases import Leases
from server.webhooks import schedule, sender
from server.webhooks.signature import secrets_in
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, running
from tests.webhook_receiver import LOOPBACK, SECRET, LocalReceiver, local_receiver

pytestmark = pytest.mark.anyio
ENDPOINT = "/models/echo"
NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "LOOK", 0.01)
    monkeypatch.setattr(schedule, "PAUSES", (0.01,))


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    with local_receiver() as made:
        yield made


@asynccontextmanager
async def sending(root: Path, broker: ScriptedBroker | None = None, **settings: Any) -> AsyncIterator[RunningFrontEnd]:
    given = {"files": str(root), "webhooks": True, "webhook_allow": LOOPBACK} | settings
    async with running(broker, **given) as jitney:
        jitney.front_end.webhook_secrets = secrets_in(SECRET)
        yield jitney


def line(text: str, endpoint: str = ENDPOINT) -> dict[str, Any]:
    body = {"payload": {"records": [{"id": 1, "text": text}]}}
    return {"custom_id": text, "method": "POST", "url": endpoint, "body": body}


async def created(jitney: RunningFrontEnd, *lines: dict[str, Any], **headers: str) -> Any:
    data = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", data)}}
    file = (await jitney.client.post("/v1/files", **form)).json()["id"]
    asked = {"input_file_id": file, "endpoint": ENDPOINT, "completion_window": "24h"}
    return await jitney.client.post("/v1/batches", json=asked, headers=headers)


async def asking(jitney: RunningFrontEnd, receiver: LocalReceiver, *lines: dict[str, Any]) -> str:
    """The id of a batch whose end this receiver wants to know."""
    return str((await created(jitney, *lines, **{"Jitney-Webhook": receiver.url})).json()["id"])


def told(receiver: LocalReceiver) -> list[tuple[str, str]]:
    """What an unchanged client reads in what came: types and batches."""
    client = openai.OpenAI(api_key="none", webhook_secret=SECRET)
    events: list[Any] = [client.webhooks.unwrap(one.body, dict(one.headers)) for one in receiver.came]
    assert [event.id for event in events] == [one.headers["webhook-id"] for one in receiver.came]
    return [(event.type, event.data.id) for event in events]


@pytest.mark.parametrize(
    ("url", "event"),
    [pytest.param(ENDPOINT, "batch.completed", id="done"), pytest.param("/other", "batch.failed", id="a bad input")],
)
async def test_the_receiver_is_told_once_how_it_has_ended(
    tmp_path: Path, receiver: LocalReceiver, url: str, event: str
) -> None:
    async with sending(tmp_path) as jitney:
        id = await asking(jitney, receiver, line("life", url))
        await jitney.until(lambda: jitney.front_end.metrics.webhooks)

        assert told(receiver) == [(event, id)]
        assert dict(jitney.front_end.metrics.webhooks) == {("delivered",): 1}
        assert await jitney.broker.predictions.take_hooks(9) == []
        shown = await jitney.client.get(f"/v1/batches/{id}")
        assert b"token" not in shown.content


async def test_one_that_is_cancelled_is_told_when_it_has_ended_and_not_before(
    tmp_path: Path, receiver: LocalReceiver
) -> None:
    broker = ScriptedBroker(answers=False)
    async with sending(tmp_path, broker) as jitney:
        id = await asking(jitney, receiver, line("life"))
        await broker.admitted.wait()
        await jitney.client.post(f"/v1/batches/{id}/cancel")
        await jitney.until(lambda: jitney.front_end.metrics.webhooks)

        assert told(receiver) == [("batch.cancelled", id)]
        assert (await jitney.client.get(f"/v1/batches/{id}")).json()["status"] == "cancelled"


async def test_one_that_goes_on_from_the_store_alone_is_told_too(tmp_path: Path, receiver: LocalReceiver) -> None:
    broker = ScriptedBroker(answers=False)
    async with sending(tmp_path, broker) as first:
        id = await asking(first, receiver, line("life"))
        await broker.admitted.wait()
    async with sending(tmp_path) as other:  # at a broker that knows of nothing
        await other.until(lambda: other.front_end.metrics.webhooks)

        assert told(receiver) == [("batch.completed", id)]


async def test_the_end_is_told_though_the_broker_has_lost_who_ran_it(tmp_path: Path, receiver: LocalReceiver) -> None:
    id = new_id(NOW)
    times: dict[str, Any] = {"created_at": NOW, "expires_at": NOW, "completion_window": "24h"}
    asked = Asked(id=id, endpoint=ENDPOINT, input_file_id="file-1", webhook=receiver.url, **times)
    async with sending(tmp_path) as jitney:
        leases = Leases(jitney.front_end.tasks.predictions)
        for _ in range(2):  # by two front ends
            await leases.end(asked, End(status="expired", at=NOW), 60.0)
        await jitney.until(lambda: jitney.front_end.metrics.webhooks)

        assert told(receiver) == [("batch.expired", id)]


async def test_where_nobody_wants_to_be_told_nothing_of_an_ended_one_is_kept(tmp_path: Path) -> None:
    async with sending(tmp_path) as jitney:
        await created(jitney, line("life"))
        await jitney.until(lambda: jitney.front_end.metrics.batches.get(("completed",)))

        await jitney.until(lambda: not jitney.broker.predictions._store.predictions)
        assert dict(jitney.front_end.metrics.webhooks) == {}


async def test_without_webhooks_the_header_is_refused(tmp_path: Path, receiver: LocalReceiver) -> None:
    async with sending(tmp_path, webhooks=False) as jitney:
        answer = await created(jitney, line("life"), **{"Jitney-Webhook": receiver.url})

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
