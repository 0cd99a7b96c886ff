"""`--prediction-durability strict`: no 202 before the broker's disk has the prediction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from broker.errors import BrokerError, BrokerUnavailable
from broker.predictions.contract import State
from server.predictions import durability
from tests.unit.server.predictions.asking import ASYNC, ended
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, running, told

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def settles_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "SETTLED", 0.0)
    monkeypatch.setattr(durability, "TOGETHER", 0.0)


class Disk:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = asyncio.Queue[bool | Exception]()

    async def __call__(self) -> bool:
        self.asked += 1
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def strict(first: bool | Exception = True, **how: object) -> AsyncIterator[tuple[RunningFrontEnd, Disk]]:
    """A front end whose broker has answered the question by which it is tried."""
    disk, broker = Disk(), ScriptedBroker()
    broker.predictions.persisted = disk  # type: ignore[method-assign]
    disk.answers.put_nowait(first)
    async with running(broker, durable=True, **how) as jitney:
        task = jitney.front_end.tasks.durability
        assert task is not None
        await jitney.until(lambda: task._is_connected or task._never)
        yield jitney, disk


def stored(jitney: RunningFrontEnd) -> dict[str, State]:
    return {id: kept.prediction.state for id, kept in jitney.broker.predictions._all.items()}


async def test_a_202_waits_for_the_disk():
    async with strict() as (jitney, disk):
        asking = asyncio.create_task(jitney.ask("life", headers=ASYNC))
        await jitney.until(lambda: disk.asked == 2)
        was_done = asking.done()
        disk.answers.put_nowait(True)

        accepted = await asking

        assert (was_done, accepted.status_code) == (False, 202)
        assert (await ended(jitney, accepted))["status"] == "succeeded"


async def test_it_is_asked_for_what_has_settled_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch):
    async with strict() as (jitney, disk):
        first = asyncio.create_task(jitney.ask("first", headers=ASYNC))
        await jitney.until(lambda: disk.asked == 2)
        monkeypatch.setattr(durability, "SETTLED", 3_600.0)
        second = asyncio.create_task(jitney.ask("second", headers=ASYNC))
        for _ in range(2):
            disk.answers.put_nowait(True)

        assert (await first).status_code == 202
        await jitney.until(lambda: jitney.front_end.tasks.durability._joined)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (second.done(), disk.asked) == (False, 2)
        second.cancel()


async def test_one_answer_is_for_all_that_came_before_its_question():
    async with strict() as (jitney, disk):
        first = asyncio.create_task(jitney.ask("first", headers=ASYNC))
        await jitney.until(lambda: disk.asked == 2)
        others = [asyncio.create_task(jitney.ask(f"other {n}", headers=ASYNC)) for n in range(20)]
        await jitney.until(lambda: len(jitney.front_end.tasks.durability._joined) == 20)
        for _ in range(2):
            disk.answers.put_nowait(True)

        answers = await asyncio.gather(first, *others)

        assert {one.status_code for one in answers} == {202}
        assert disk.asked == 3


async def test_what_the_disk_has_not_is_503_and_gone():
    async with strict() as (jitney, disk):
        disk.answers.put_nowait(False)

        refused = await jitney.ask("life", headers=ASYNC)

        assert told(refused) == (503, "not_durable")
        assert refused.headers["retry-after"] == "1"
        assert stored(jitney) == {}


async def test_one_with_a_key_stays_for_whoever_sends_it_again():
    async with strict() as (jitney, disk):
        headers = ASYNC | {"Idempotency-Key": "k"}
        for answer in (False, True):
            disk.answers.put_nowait(answer)

        refused, again = [await jitney.ask("life", headers=headers) for _ in range(2)]

        assert (refused.status_code, again.status_code) == (503, 202)
        assert again.headers["idempotent-replayed"] == "true"
        assert len(jitney.broker.jobs) == 1


async def test_a_result_that_is_there_in_time_needs_no_disk():
    async with strict() as (jitney, _):
        answered = await jitney.ask("life", headers={"Prefer": "respond-async, wait=10"})

        assert (answered.status_code, answered.json()["result"][0]["text"]) == (200, "LIFE")


async def test_a_broker_that_can_never_say_it_stores_nothing_and_is_told_of():
    async with strict(BrokerError("it has no WAITAOF; give it another")) as (jitney, _):
        refused = await jitney.ask("life", headers=ASYNC)
        waiting = await jitney.ask("life")

        assert told(refused) == (503, "not_durable")
        assert "--prediction-durability" in refused.json()["detail"]
        assert (waiting.status_code, stored(jitney)) == (200, {})


async def test_a_broker_that_has_learned_it_is_asked_again(monkeypatch: pytest.MonkeyPatch):
    async with strict(BrokerError("it has no WAITAOF"), quick=True) as (jitney, disk):
        for _ in range(2):
            disk.answers.put_nowait(True)
        await jitney.until(lambda: jitney.front_end.tasks.durability._is_connected)

        assert (await jitney.ask("life", headers=ASYNC)).status_code == 202


async def test_a_connection_that_breaks_says_no_to_all_who_wait():
    async with strict() as (jitney, disk):
        first = asyncio.create_task(jitney.ask("first", headers=ASYNC))
        await jitney.until(lambda: disk.asked == 2)
        second = asyncio.create_task(jitney.ask("second", headers=ASYNC))
        await jitney.until(lambda: jitney.front_end.tasks.durability._joined)
        disk.answers.put_nowait(BrokerUnavailable("lost"))

        answers = await asyncio.gather(first, second)

        assert [told(one) for one in answers] == [(503, "not_durable")] * 2
        assert told(await jitney.ask("third", headers=ASYNC)) == (503, "not_durable")
        assert stored(jitney) == {}


async def test_without_it_nobody_asks():
    disk, broker = Disk(), ScriptedBroker()
    broker.predictions.persisted = disk  # type: ignore[method-assign]
    async with running(broker) as jitney:
        assert (await jitney.ask("life", headers=ASYNC)).status_code == 202
        assert (jitney.front_end.tasks.durability, disk.asked) == (None, 0)
