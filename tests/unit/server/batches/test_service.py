"""Batches of a front end: which run here, which nobody runs, and which are forgotten."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import structlog

from server.batches import service
from server.batches.archive import Archive
from server.batches.kept import Batch
from server.batches.service import Batches
from server.predictions.large import pump
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, announced, answered, card, running, told

pytestmark = pytest.mark.anyio
ENDPOINT = "/models/echo"


def line(custom_id: str, text: str, endpoint: str = ENDPOINT) -> dict[str, Any]:
    body = {"payload": {"records": [{"id": custom_id, "text": text}]}}
    return {"custom_id": custom_id, "method": "POST", "url": endpoint, "body": body}


async def created(jitney: RunningFrontEnd, *lines: dict[str, Any], endpoint: str = ENDPOINT) -> str:
    """The id of a batch of these."""
    data = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", data)}}
    file = (await jitney.client.post("/v1/files", **form)).json()["id"]
    asked = {"input_file_id": file, "endpoint": endpoint, "completion_window": "24h"}
    reply = await jitney.client.post("/v1/batches", json=asked)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["id"])


async def ended(jitney: RunningFrontEnd, id: str) -> dict[str, Any]:
    while True:
        shown: dict[str, Any] = (await jitney.client.get(f"/v1/batches/{id}")).json()
        if shown["status"] in ("completed", "failed", "expired", "cancelled"):
            return shown


async def rows(jitney: RunningFrontEnd, id: str) -> list[dict[str, Any]]:
    return [json.loads(row) for row in (await jitney.client.get(f"/v1/files/{id}/content")).text.splitlines()]


async def test_each_line_is_answered_by_its_address_in_the_bulk_lane(tmp_path: Path):
    async with running(files=str(tmp_path)) as jitney:
        shown = await ended(jitney, await created(jitney, line("a", "life"), line("b", "impossible"), line("c", "is")))

        good, bad = await rows(jitney, shown["output_file_id"]), await rows(jitney, shown["error_file_id"])
        texts = [(row["custom_id"], row["response"]["body"]["result"][0]["text"]) for row in good]
        assert texts == [("a", "LIFE"), ("c", "IS")]
        assert [(row["custom_id"], row["response"]["status_code"]) for row in bad] == [("b", 422)]
        assert {request.lane for _, requests, _ in jitney.broker.trips for request in requests} == {"bulk"}


async def test_lines_that_are_larger_than_the_batchers_room_go_in_portions_and_halt_nobody(tmp_path: Path):
    broker = ScriptedBroker([announced(card(), room=4)], answers=False)
    async with running(broker, files=str(tmp_path)) as jitney:
        id = await created(jitney, *(line(str(number), "one two three four five") for number in range(20)))
        await broker.admitted.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert 0 < len(broker.jobs) <= 2 * 4 + 5  # a text is never parted

        broker.answers = True
        broker.publish(*(answered(job) for job in broker.jobs))

        assert (await ended(jitney, id))["request_counts"] == {"total": 20, "completed": 20, "failed": 0}


async def test_a_model_that_does_not_answer_holds_up_no_others_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service, "MOST_RUNNING", 1)
    broker = ScriptedBroker([announced(card()), announced(card("other"))], answers=False)
    async with running(broker, files=str(tmp_path)) as jitney:
        for _ in range(2):
            await created(jitney, line("a", "life"))
        await broker.admitted.wait()
        broker.answers = True

        id = await created(jitney, line("a", "life", "/models/other"), endpoint="/models/other")

        assert (await ended(jitney, id))["status"] == "completed"


async def test_jobs_that_are_lost_are_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pump, "PATIENCE", 0.01)
    broker = ScriptedBroker(answers=False)
    async with running(broker, files=str(tmp_path)) as jitney:
        id = await created(jitney, line("a", "life"))
        await broker.admitted.wait()
        broker.answers = True

        assert (await ended(jitney, id))["status"] == "completed"


async def test_one_that_is_in_the_store_and_nobody_runs_is_run_by_whoever_finds_it(tmp_path: Path):
    broker = ScriptedBroker(answers=False)
    async with running(broker, files=str(tmp_path)) as first:
        id = await created(first, line("a", "life"))
        await broker.admitted.wait()
    async with running(files=str(tmp_path)) as other:  # at a broker that knows of nothing
        assert (await ended(other, id))["status"] == "completed"


async def test_one_that_vanishes_from_the_store_is_told_to_whoever_reads_the_log(tmp_path: Path):
    broker = ScriptedBroker(answers=False)
    with structlog.testing.capture_logs() as logged:
        async with running(broker, files=str(tmp_path)) as jitney:
            id = await created(jitney, line("a", "life"))
            await broker.admitted.wait()
            shutil.rmtree(tmp_path / "batches")
            broker.publish(*(answered(job) for job in broker.jobs))
            while id in jitney.front_end.tasks.predictions.running:
                await asyncio.sleep(0)

    assert [one["log_level"] for one in logged if one["event"] == "batch is not in the store any more"] == ["error"]


async def test_nothing_stays_of_an_endpoint_once_its_batches_have_ended(tmp_path: Path):
    async with running(files=str(tmp_path)) as jitney:
        id = await created(jitney, line("a", "life"))
        await ended(jitney, id)
        files = jitney.front_end.files
        assert files is not None
        batches = Batches(jitney.front_end, jitney.app.router, Archive(files.store), files)

        await batches.run_one(id)

        assert len(batches.turns) == 0


async def test_without_a_place_for_files_there_are_no_batches_and_the_flag_is_named():
    async with running() as jitney:
        answers = [await jitney.client.get(path) for path in ("/v1/batches", "/v1/batches/batch_1")]

        assert {answer.status_code for answer in answers} == {404}
        assert all("--files" in answer.json()["error"]["message"] for answer in answers)


async def test_the_list_goes_on_behind_the_last_one_that_is_known(tmp_path: Path):
    async with running(files=str(tmp_path)) as jitney:
        ids = [await created(jitney, line("a", "life")) for _ in range(3)]

        first = (await jitney.client.get("/v1/batches?limit=2")).json()
        second = (await jitney.client.get(f"/v1/batches?limit=2&after={first['last_id']}")).json()

        shown = [one["id"] for page in (first, second) for one in page["data"]]
        assert shown == sorted(ids, reverse=True)
        assert (first["has_more"], second["has_more"]) == (True, False)
        assert (await jitney.client.get("/v1/batches?limit=0")).status_code == 400


async def test_those_of_a_page_are_looked_up_several_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    under_way, found, most = 0, Archive.find, 0

    async def find(archive: Archive, id: str) -> Batch | None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await found(archive, id)
        finally:
            under_way -= 1

    async with running(files=str(tmp_path)) as jitney:
        for _ in range(3):
            await ended(jitney, await created(jitney, line("a", "life")))
        monkeypatch.setattr(Archive, "find", find)

        await jitney.client.get("/v1/batches")

    assert most >= 3


async def test_an_ended_one_is_forgotten_once_its_time_is_over(tmp_path: Path):
    async with running(files=str(tmp_path)) as jitney:
        id = await created(jitney, line("a", "life"))
        await ended(jitney, id)
        files = jitney.front_end.files
        assert files is not None
        week = 7 * 86_400.0
        for later, known in ((week, True), (6 * week, False)):
            archive = Archive(files.store, lambda later=later: time.time() + later)
            await Batches(jitney.front_end, jitney.app.router, archive, files).forget()
            assert (await archive.find(id) is not None) == known
        assert told(await jitney.client.get(f"/predictions/{id}")) == (404, "not_found")
