"""Whoever asks by `Jitney-Webhook` is told of a prediction's end: signed, again until it is taken, and by anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from broker.memory import MemoryStore
from broker.memory.predictions import MemoryPredictions
from server.predictions.stored import Stored, request_to_bytes
from server.webhooks import schedule, sender
from server.webhooks.signature import secrets_in
from tests.contract.predictions.orders import created, ending
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, running, told
from tests.webhook_receiver import LOOPBACK, SECRET, LocalReceiver, ids, local_receiver

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "LOOK", 0.01)
    monkeypatch.setattr(schedule, "PAUSES", (0.01,))


@asynccontextmanager
async def sending(broker: ScriptedBroker | None = None, **settings: Any) -> AsyncIterator[RunningFrontEnd]:
    async with running(broker, **({"webhooks": True, "webhook_allow": LOOPBACK} | settings)) as jitney:
        jitney.front_end.webhook_secrets = secrets_in(SECRET)
        yield jitney


def asking(receiver: LocalReceiver) -> dict[str, str]:
    return {"Prefer": "respond-async", "Jitney-Webhook": receiver.url}


def fates(jitney: RunningFrontEnd) -> dict[Any, int]:
    return dict(jitney.front_end.metrics.webhooks)


def is_due(broker: ScriptedBroker) -> bool:
    """The webhook of its only prediction, now or later."""
    [kept] = broker.predictions._store.predictions.values()
    return kept.hook_due is not None


async def test_the_receiver_is_told_once_and_the_body_is_the_document():
    with local_receiver() as receiver:
        async with sending() as jitney:
            accepted = await jitney.ask("life", "fail:model_error", headers=asking(receiver))
            await jitney.until(lambda: fates(jitney))

            [came] = receiver.came
            event, id = came.verified(), accepted.json()["id"]
            document = (await jitney.client.get(accepted.headers["location"])).json()
            assert event == {"type": "prediction.succeeded", "timestamp": document["finishedAt"], "data": document}
            assert (came.headers["webhook-id"], came.path) == (f"{id}-succeeded", "/hook?token=private")
            assert fates(jitney) == {("delivered",): 1}
            assert await jitney.broker.predictions.take_hooks(9) == []


async def test_its_trace_goes_on_with_its_jobs_and_with_the_webhook():
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "v=1"}
    with local_receiver() as receiver:
        async with sending() as jitney:
            await jitney.ask("life", headers=asking(receiver) | trace)
            await jitney.ask("life", headers=asking(receiver) | {"traceparent": "00-\x7f", "tracestate": "v=1"})
            await jitney.until(lambda: fates(jitney) == {("delivered",): 2})

            assert trace.items() <= jitney.broker.jobs[0].meta.items()
            came = [{name: one.headers[name] for name in trace if name in one.headers} for one in receiver.came]
            assert sorted(came, key=len) == [{}, trace]


async def test_what_its_client_cancels_is_told_too():
    with local_receiver() as receiver:
        async with sending(ScriptedBroker(answers=False)) as jitney:
            accepted = await jitney.ask("life", headers=asking(receiver))
            await jitney.client.delete(accepted.headers["location"])
            await jitney.until(lambda: fates(jitney))

            assert receiver.came[0].verified()["type"] == "prediction.canceled"


async def test_one_that_is_not_taken_comes_again_with_the_same_id_and_body():
    with local_receiver(500, 302) as receiver:
        async with sending() as jitney:
            await jitney.ask("life", headers=asking(receiver))
            await jitney.until(lambda: fates(jitney).get(("delivered",)))

            assert len(set(ids(receiver.came))) == len({one.body for one in receiver.came}) == 1
            assert all(one.verified() for one in receiver.came)
            assert fates(jitney) == {("retried",): 2, ("delivered",): 1}


async def test_those_that_have_no_room_are_sent_as_soon_as_others_are(monkeypatch):
    monkeypatch.setattr(sender, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(sender, "LOOK", 3_600.0)
    stored = Stored(
        path="/", query="", headers={}, model="echo", task="", lane="bulk", webhook="https://hooks.example/"
    )
    tasks: list[int] = []

    async def deliver(*_: Any) -> schedule.Reply:
        tasks.append(len(made._sending))
        await asyncio.sleep(0)
        return schedule.Reply(status=204)

    async with running() as jitney:
        broker = jitney.broker.predictions
        for _ in range(7):
            id = await created(broker, request=request_to_bytes(stored), has_hook=True)
            await broker.finish(ending(id))
        made = sender.Sender(jitney.front_end, (), deliver)
        jitney.front_end.webhook_secrets = secrets_in(SECRET)
        sending = asyncio.create_task(made.run())
        await jitney.until(lambda: fates(jitney) == {("delivered",): 7})
        sending.cancel()
        await asyncio.wait([sending])

        assert max(tasks) <= 2


async def test_a_receiver_that_wants_no_more_is_not_asked_again():
    with local_receiver(410) as receiver:
        async with sending() as jitney:
            await jitney.ask("life", headers=asking(receiver))
            await jitney.until(lambda: fates(jitney))

            assert fates(jitney) == {("gone",): 1}
            assert not is_due(jitney.broker)


async def test_one_that_another_front_end_has_dropped_is_sent_by_this_one():
    store = MemoryStore(lambda: 1000.0)
    with local_receiver() as receiver:
        first = ScriptedBroker()
        first.predictions = MemoryPredictions(store)
        first.predictions.hook_lease = 0.0
        async with sending(first) as dying:
            dying.front_end.tasks.predictions.is_ending = True  # it takes none up itself
            accepted = await dying.ask("life", headers=asking(receiver))
            await dying.until(lambda: is_due(first))
            assert len(await first.predictions.take_hooks(1)) == 1  # in hand, and never settled
        second = ScriptedBroker()
        second.predictions = MemoryPredictions(store)
        async with sending(second, name="e" * 16) as other:
            await other.until(lambda: fates(other))

            assert receiver.came[0].verified()["data"]["id"] == accepted.json()["id"]


async def test_a_front_end_that_allows_less_refuses_what_another_took():
    with local_receiver() as receiver:
        broker = ScriptedBroker()
        async with sending(broker) as jitney:
            jitney.front_end.tasks.predictions.is_ending = True
            await jitney.ask("life", headers=asking(receiver))
            await jitney.until(lambda: is_due(broker))
        other = ScriptedBroker()
        other.predictions = broker.predictions
        async with sending(other, webhook_allow="", name="e" * 16) as strict:
            await strict.until(lambda: fates(strict))

            assert (fates(strict), receiver.came) == ({("refused",): 1}, [])


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({"webhooks": False}, "https://hooks.example/", id="webhooks are off"),
        pytest.param({}, "http://10.0.0.1/", id="an address that is not allowed"),
        pytest.param({}, "nonsense", id="no address"),
    ],
)
async def test_an_address_that_gets_nothing_is_refused_at_once(settings, url):
    async with sending(**settings) as jitney:
        answer = await jitney.ask("life", headers={"Prefer": "respond-async", "Jitney-Webhook": url})

        assert told(answer) == (400, "malformed")
        assert jitney.broker.jobs == []


async def test_the_receivers_address_is_shown_to_nobody(capfd):
    with local_receiver() as receiver:
        async with sending() as jitney:
            accepted = await jitney.ask("life", headers=asking(receiver))
            await jitney.until(lambda: fates(jitney))
            document = await jitney.client.get(accepted.headers["location"])

            assert b"token" not in document.content
    said = capfd.readouterr()
    assert "token=private" not in said.out + said.err
