"""Whoever follows a prediction is told what becomes of it, at any front end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from starlette.types import Message

from broker.errors import BrokerUnavailable
from broker.predictions.contract import Ending, Order, State
from server.errors import Problem
from server.predictions import keeper
from server.predictions.events import stream
from server.predictions.large import progress
from server.predictions.large.kept_rows import row_to_bytes
from server.predictions.stored import Answer, Stored, answer_to_bytes, request_to_bytes
from tests.unit.server.predictions.asking import ASYNC, ended, result
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, announced, answered, card, running, told
from tests.unit.server.streams.reader import EVENTS, NDJSON, Reader, read

pytestmark = pytest.mark.anyio

ELSEWHERE = "e" * 16  # a front end that runs predictions, as tests say
ID = "prediction"
LONG = 3_600.0  # seconds


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "LOOK", 0.001)
    monkeypatch.setattr(stream, "AGAIN", 0.001)


async def stored(broker: ScriptedBroker, records: int = 3, *, runs: bool = True, has_rows: bool = True) -> None:
    """A prediction that another front end runs."""
    asked = Stored(path="/models/echo", query="", headers={}, model="echo", task="echoing", lane="", has_rows=has_rows)
    order = Order(
        id=ID,
        owner=ELSEWHERE,
        request=request_to_bytes(asked),
        body=b"",
        records=records,
        time_left=LONG,
        keep=LONG,
        runs=runs,
    )
    broker.predictions.lease = LONG
    await broker.predictions.create(order, 1 << 20)


async def kept(broker: ScriptedBroker, first: int, *answers: dict[str, Any] | Problem, failed: int = 0) -> None:
    """Its next rows, of records with the ids r0, r1 …"""
    rows = [row_to_bytes(one, "echo@r1", f"r{place}") for place, one in enumerate(answers, start=first)]
    await broker.predictions.add_rows(ID, ELSEWHERE, first, rows, failed)


async def finished(broker: ScriptedBroker, body: bytes, status: int = 200, state: State = State.SUCCEEDED) -> None:
    answer = answer_to_bytes(Answer(status=status, media_type="application/json", body=body, model="echo@r1"))
    ending = Ending(id=ID, owner=ELSEWHERE, state=state, result=answer, done=2, failed=1, keep=LONG)
    await broker.predictions.finish(ending)


FAILED = b'{"id":"r1","error":{"code":"poison","message":"no"}}'
RESULT = b'{"result":[{"id":"r0","text":"A"},%b,{"id":"r2","text":"C"}]}' % FAILED
A, B = {"text": "A"}, Problem("poison", "no")
ROWS = [
    {"id": "r0", "index": 0, "text": "A"},
    {"id": "r1", "index": 1, "error": {"code": "poison", "message": "no"}},
    {"id": "r2", "index": 2, "text": "C"},
]


@asynccontextmanager
async def following(
    jitney: RunningFrontEnd, id: str = ID, *, accept: str = EVENTS, last: str = "", reader: Reader | None = None
) -> AsyncIterator[tuple[Reader, asyncio.Task[None]]]:
    """A stream of its events, and what reads it. Given up at the end."""
    reader = reader or Reader()
    headers = [(b"accept", accept.encode()), *([(b"last-event-id", last.encode())] if last else [])]
    scope = {"type": "http", "method": "GET", "path": f"/predictions/{id}/events", "headers": headers, "root_path": ""}
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if asked:
            return asked.pop()
        await reader.gone.wait()
        return {"type": "http.disconnect"}

    task = asyncio.create_task(jitney.app(scope, receive, reader.send))
    try:
        yield reader, task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def followed(jitney: RunningFrontEnd, id: str = ID, **how: Any) -> Reader:
    """All of it."""
    async with following(jitney, id, **how) as (reader, task):
        await task
    return reader


def records(events: Sequence[tuple[str, str, Any]]) -> list[tuple[str, Any]]:
    return [(id, data) for kind, id, data in events if kind == "record"]


async def test_one_that_has_ended_is_told_as_it_stands_with_its_rows_and_its_end():
    async with running() as jitney:
        accepted = await jitney.ask("life", "fail:poison", "is", headers=ASYNC)
        document = await ended(jitney, accepted)

        reader = await followed(jitney, document["id"])

        first, *rows, last = reader.events
        assert first == ("status", "0", {"prediction": document})
        assert document["links"]["events"] == f"/predictions/{document['id']}/events"
        waited = (await read(jitney, "life", "fail:poison", "is")).rows[:-1]
        assert records(rows) == [(str(at + 1), row) for at, row in enumerate(sorted(waited, key=lambda one: one["id"]))]
        done = {"done": True, "status": "succeeded", "records": 3, "failed": 1, "model": "echo@r1"}
        assert last == ("done", "4", done)
        assert reader.headers["content-type"] == EVENTS
        assert reader.headers["cache-control"] == "no-store"
        assert reader.is_complete


async def test_lines_come_to_those_who_want_lines():
    async with running() as jitney:
        document = await ended(jitney, await jitney.ask("life", headers=ASYNC))

        reader = await followed(jitney, document["id"], accept=NDJSON)

        standing, row, done = reader.rows
        assert reader.headers["content-type"] == NDJSON
        assert (standing["prediction"]["status"], row["text"], done["done"]) == ("succeeded", "LIFE", True)


async def test_rows_come_while_another_front_end_computes_the_others():
    async with running() as jitney:
        await stored(jitney.broker, runs=False)
        async with following(jitney) as (reader, task):
            await jitney.until(lambda: len(reader.events) == 1)
            await jitney.broker.predictions.begin(ID, ELSEWHERE)
            await kept(jitney.broker, 0, A)
            await jitney.until(lambda: len(records(reader.events)) == 1)
            await kept(jitney.broker, 1, B, failed=1)
            await jitney.until(lambda: len(records(reader.events)) == 2)
            was_done = task.done()
            await finished(jitney.broker, RESULT)
            await task

        states = [data["prediction"]["status"] for kind, _, data in reader.events if kind == "status"]
        assert (states, was_done) == (["queued", "running", "succeeded"], False)
        assert records(reader.events) == [(str(at + 1), row) for at, row in enumerate(ROWS)]
        assert reader.events[-1][:2] == ("done", "4")


async def test_rows_of_a_large_one_come_while_it_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "PERIOD", 0.001)
    broker = ScriptedBroker([announced(card(), room=1)], answers=False)
    async with running(broker) as jitney:
        accepted = await jitney.ask("one", "fail:poison", "three", headers=ASYNC)
        async with following(jitney, accepted.json()["id"]) as (reader, task):
            for told_before in range(2):
                await jitney.until(lambda count=told_before: len(broker.jobs) > count)
                broker.publish(answered(broker.jobs[told_before]))
                await jitney.until(lambda count=told_before: len(records(reader.events)) > count)
            await jitney.until(lambda: len(broker.jobs) == 3)
            broker.publish(answered(broker.jobs[2]))
            await task

        whole = (await result(jitney, accepted)).json()["result"]
        assert [data for _, data in records(reader.events)] == [row | {"index": at} for at, row in enumerate(whole)]


async def test_whoever_comes_back_is_told_what_it_has_not():
    async with running() as jitney:
        await stored(jitney.broker)
        await kept(jitney.broker, 0, A, B, failed=1)
        async with following(jitney, last="1") as (reader, task):
            await jitney.until(lambda: len(records(reader.events)) == 1)
            await finished(jitney.broker, RESULT)
            await task

        again, after_all, over = [await followed(jitney, last=last) for last in ("2", "3", "4")]

        assert records(reader.events) == [("2", ROWS[1]), ("3", ROWS[2])]
        assert records(again.events) == [("3", ROWS[2])]
        assert [kind for kind, _, _ in after_all.events] == ["status", "done"]
        assert (over.status, over.body) == (204, b"")


async def test_a_reply_that_is_one_piece_has_no_rows():
    async with running() as jitney:
        await stored(jitney.broker, has_rows=False)
        await finished(jitney.broker, b'[["a","b"],["c"]]')

        reader = await followed(jitney)

        assert [kind for kind, _, _ in reader.events] == ["status", "done"]


async def test_a_refusal_is_told_by_the_end():
    async with running() as jitney:
        document = await ended(jitney, await jitney.ask("fail:poison", headers=ASYNC))

        kind, _, data = (await followed(jitney, document["id"])).events[-1]

        assert (kind, data["done"], data["status"]) == ("done", True, "failed")
        assert data["error"] == {"code": "poison", "message": "fail:poison happened"}


async def test_one_that_is_canceled_ends():
    async with running() as jitney:
        await stored(jitney.broker)
        async with following(jitney) as (reader, task):
            await jitney.until(lambda: reader.events)
            await jitney.client.delete(f"/predictions/{ID}")
            await task

        kind, _, data = reader.events[-1]
        assert (kind, data["done"], data["status"]) == ("done", True, "canceled")


async def test_one_that_is_forgotten_meanwhile_is_broken_off():
    async with running() as jitney:
        await stored(jitney.broker)
        keep = jitney.front_end.tasks.predictions
        await keep.ask(lambda broker: broker.epoch())
        keep._beat_at = asyncio.get_running_loop().time() + LONG  # nothing else looks for it
        async with following(jitney) as (reader, task):
            await jitney.until(lambda: reader.events)
            jitney.broker.predictions._all.clear()
            await task

        kind, _, data = reader.events[-1]
        assert (kind, data["done"], data["error"]["code"]) == ("error", False, "not_found")


async def test_what_is_none_is_refused():
    async with running() as jitney:
        await stored(jitney.broker)
        unknown = await jitney.client.get("/predictions/unknown/events")
        batch = await jitney.client.get("/predictions/batch_1/events")
        head = await jitney.client.head(f"/predictions/{ID}/events")
        wrong = await jitney.client.get(f"/predictions/{ID}/events", headers={"Last-Event-ID": "x"})

        assert [told(one) for one in (unknown, batch, wrong)] == [(404, "not_found")] * 2 + [(400, "malformed")]
        assert (head.status_code, head.headers["content-type"]) == (200, EVENTS)


async def test_so_many_follow_at_once_and_one_that_goes_makes_room(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "MOST_FOLLOWERS", 1)
    async with running() as jitney:
        await stored(jitney.broker)
        async with following(jitney) as (reader, task):
            await jitney.until(lambda: reader.events)
            refused = await jitney.client.get(f"/predictions/{ID}/events")
            reader.gone.set()
            await asyncio.wait([task])
        await finished(jitney.broker, RESULT)

        assert told(refused) == (503, "overloaded")
        assert (await followed(jitney)).events[-1][0] == "done"
        assert jitney.front_end.bytes_in_hand.held == 0


async def test_nothing_is_fetched_ahead_of_a_slow_reader(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "MOST_ROWS", 2)
    async with running() as jitney:
        await stored(jitney.broker, records=9)
        await kept(jitney.broker, 0, *[A] * 9)
        asked: list[int] = []
        rows = jitney.broker.predictions.rows

        async def noted(id: str, first: int, most: int) -> Sequence[bytes]:
            asked.append(first)
            return await rows(id, first, most)

        jitney.broker.predictions.rows = noted  # type: ignore[method-assign]
        async with following(jitney) as (reader, _):
            await jitney.until(lambda: reader.events)
            reader.reads.clear()
            await jitney.until(lambda: reader.waits)
            for _ in range(50):
                await asyncio.sleep(0)
            ahead, held = list(asked), jitney.front_end.bytes_in_hand.held
            reader.reads.set()
            await jitney.until(lambda: len(records(reader.events)) == 9)

        assert len(ahead) <= 2 and held > 0
        assert asked == [0, 2, 4, 6, 8]


async def test_a_broker_that_is_away_for_a_moment_costs_no_row():
    async with running(quick=True) as jitney:
        await stored(jitney.broker)
        rows, losses = jitney.broker.predictions.rows, [BrokerUnavailable("lost")] * 3

        async def failing(*asked: Any) -> Sequence[bytes]:
            if losses:
                raise losses.pop()
            return await rows(*asked)

        jitney.broker.predictions.rows = failing  # type: ignore[method-assign]
        async with following(jitney) as (reader, task):
            await kept(jitney.broker, 0, A, B, failed=1)
            await jitney.until(lambda: len(records(reader.events)) == 2)
            await finished(jitney.broker, RESULT)
            await task

        assert [data for _, data in records(reader.events)] == ROWS


async def test_a_silence_is_broken_for_events_and_not_for_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "HEARTBEAT", 0.001)
    async with running() as jitney:
        await stored(jitney.broker)
        async with following(jitney) as (events, _), following(jitney, accept=NDJSON) as (lines, _):
            await jitney.until(lambda: events.body.count(b":\n\n") >= 2)

        assert len(events.events) == len(lines.rows) == 1


async def test_a_front_end_that_ends_breaks_off_without_an_end():
    async with running() as jitney:
        await stored(jitney.broker)
        async with following(jitney) as (reader, task):
            await jitney.until(lambda: reader.events)
            jitney.front_end.tasks.predictions.end_waits()
            await task

        assert [kind for kind, _, _ in reader.events] == ["status"]
        assert reader.is_complete
