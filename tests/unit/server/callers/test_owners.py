"""Predictions, files and batches are their caller's: for others they are not there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.credentials.api_key import ApiKey
from broker.credentials.credential import Credential, encode_credential
from tests.unit.server.batches.test_service import ENDPOINT, ended, line, rows
from tests.unit.server.predictions import asking
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, running, told

pytestmark = pytest.mark.anyio
ALICE, BOB, ADMIN = [ApiKey(letter * 12, letter * 32) for letter in "abc"]
RIGHTS = {ALICE: ("infer", "files"), BOB: ("infer", "files"), ADMIN: ("admin",)}


def keys_in(path: Path, *keys: ApiKey, **fields: Any) -> str:
    made = [Credential(id=key.id, hash=key.hash, rights=RIGHTS[key], **fields) for key in keys]
    path.write_bytes(b"\n".join(map(encode_credential, made)))
    return str(path)


@asynccontextmanager
async def keyed(tmp_path: Path, broker: ScriptedBroker | None = None, **how: Any) -> AsyncIterator[RunningFrontEnd]:
    settings = {"api_keys": keys_in(tmp_path / "keys", *RIGHTS), "files": str(tmp_path / "store")} | how
    async with running(broker, **settings) as jitney:
        yield jitney


@contextmanager
def as_caller(jitney: RunningFrontEnd, key: ApiKey) -> Iterator[None]:
    jitney.client.headers["Authorization"] = f"Bearer {key.text}"
    yield
    del jitney.client.headers["Authorization"]


@pytest.mark.parametrize("end", ["", "/result", "/events"])
async def test_a_prediction_is_there_for_its_caller_and_for_admins(tmp_path: Path, end: str) -> None:
    async with keyed(tmp_path) as jitney:
        with as_caller(jitney, ALICE):
            accepted = await jitney.ask("life", headers=asking.ASYNC)
            await asking.ended(jitney, accepted)
        path = accepted.headers["location"] + end
        found = {}
        for key in RIGHTS:
            with as_caller(jitney, key):
                found[key] = await jitney.client.get(path)

    assert {key.id: answer.status_code for key, answer in found.items()} == {ALICE.id: 200, BOB.id: 404, ADMIN.id: 200}
    assert told(found[BOB]) == (404, "not_found")


async def test_another_s_prediction_cannot_be_ended(tmp_path: Path) -> None:
    async with keyed(tmp_path, ScriptedBroker(answers=False)) as jitney:
        with as_caller(jitney, ALICE):
            accepted = await jitney.ask("life", headers=asking.ASYNC)
        path = accepted.headers["location"]
        with as_caller(jitney, BOB):
            refused = await jitney.client.delete(path)
        with as_caller(jitney, ALICE):
            kept = (await jitney.client.get(path)).json()["status"]
            ended = await jitney.client.delete(path)

    assert refused.status_code == 404
    assert kept in ("queued", "running")
    assert ended.status_code == 202


async def test_an_unknown_prediction_and_another_s_read_the_same(tmp_path: Path) -> None:
    async with keyed(tmp_path) as jitney:
        with as_caller(jitney, ALICE):
            accepted = await jitney.ask("life", headers=asking.ASYNC)
        path = accepted.headers["location"]
        with as_caller(jitney, BOB):
            others, none = [await jitney.client.get(one) for one in (path, path[:-1] + "x")]

    assert {**others.json(), "instance": 0, "request_id": 0} == {**none.json(), "instance": 0, "request_id": 0}


async def test_a_prediction_is_computed_as_its_caller_s(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    async with keyed(tmp_path, broker) as jitney:
        with as_caller(jitney, ALICE):
            await asking.ended(jitney, await jitney.ask("life", headers=asking.ASYNC))

    assert [job.meta["caller"] for job in broker.jobs] == [ALICE.id]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases end at once where nobody beats them, and are looked for again and again."""
    monkeypatch.setattr("server.predictions.keeper.IDLE_BEAT", 0.0)


async def test_whoever_adopts_a_prediction_computes_it_as_its_caller_s(tmp_path: Path, silent: None) -> None:
    async with keyed(tmp_path, ScriptedBroker(answers=False)) as first:
        with as_caller(first, ALICE):
            accepted = await first.ask("life", headers=asking.ASYNC)
        await first.until(lambda: first.broker.jobs)
        second = ScriptedBroker()
        second.predictions = first.broker.predictions
        second.predictions.lease = 0.0
        async with keyed(tmp_path, second, name="e" * 16) as other:
            with as_caller(other, ALICE):
                answer = await asking.result(other, accepted)

    assert answer.status_code == 200
    assert {job.meta["caller"] for job in second.jobs} == {ALICE.id}


async def test_what_a_revoked_key_has_asked_for_is_not_computed_any_more(tmp_path: Path, silent: None) -> None:
    async with keyed(tmp_path, ScriptedBroker(answers=False)) as first:
        with as_caller(first, ALICE):
            accepted = await first.ask("life", headers=asking.ASYNC)
        await first.until(lambda: first.broker.jobs)
        second = ScriptedBroker()
        second.predictions = first.broker.predictions
        second.predictions.lease = 0.0
        without = keys_in(tmp_path / "others", BOB, ADMIN)
        async with keyed(tmp_path, second, name="e" * 16, api_keys=without) as other:
            with as_caller(other, ADMIN):
                answer = await asking.result(other, accepted)

    assert told(answer) == (401, "unauthenticated")
    assert second.jobs == []


async def test_a_file_is_there_for_its_caller_and_for_admins(tmp_path: Path) -> None:
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", b"{}\n")}}
    async with keyed(tmp_path) as jitney:
        with as_caller(jitney, ALICE):
            id = (await jitney.client.post("/v1/files", **form)).json()["id"]
        seen = {}
        for key in RIGHTS:
            with as_caller(jitney, key):
                answers = [await jitney.client.get(f"/v1/files/{id}{end}") for end in ("", "/content")]
                listed = (await jitney.client.get("/v1/files")).json()["data"]
                seen[key.id] = ([answer.status_code for answer in answers], len(listed))
        with as_caller(jitney, BOB):
            refused = await jitney.client.delete(f"/v1/files/{id}")
        with as_caller(jitney, ALICE):
            gone = await jitney.client.delete(f"/v1/files/{id}")

    assert seen == {ALICE.id: ([200, 200], 1), BOB.id: ([404, 404], 0), ADMIN.id: ([200, 200], 1)}
    assert (refused.status_code, gone.status_code) == (404, 200)


async def batch_of(jitney: RunningFrontEnd, *lines: Any, **headers: str) -> Any:
    data = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", data)}}
    file = (await jitney.client.post("/v1/files", **form)).json()["id"]
    return await begun(jitney, file, **headers)


async def begun(jitney: RunningFrontEnd, file: str, **headers: str) -> Any:
    asked = {"input_file_id": file, "endpoint": ENDPOINT, "completion_window": "24h"}
    return await jitney.client.post("/v1/batches", json=asked, headers=headers)


async def test_a_batch_and_its_files_are_its_caller_s_and_so_are_its_jobs(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    async with keyed(tmp_path, broker) as jitney:
        with as_caller(jitney, ALICE):
            batch = (await batch_of(jitney, line("a", "life"))).json()
            async with asyncio.timeout(20):
                shown = await ended(jitney, batch["id"])
            [row] = await rows(jitney, shown["output_file_id"])
        seen = {}
        for key in RIGHTS:
            with as_caller(jitney, key):
                answers = [await jitney.client.get(f"/v1/batches/{batch['id']}")]
                answers += [await jitney.client.get(f"/v1/files/{shown['output_file_id']}")]
                answers += [await jitney.client.post(f"/v1/batches/{batch['id']}/cancel")]
                listed = (await jitney.client.get("/v1/batches")).json()["data"]
                seen[key.id] = ([answer.status_code for answer in answers], len(listed))

    assert row["response"]["status_code"] == 200
    assert {job.meta["caller"] for job in broker.jobs} == {ALICE.id}
    assert seen == {ALICE.id: ([200, 200, 400], 1), BOB.id: ([404, 404, 404], 0), ADMIN.id: ([200, 200, 400], 1)}


async def test_another_s_file_is_no_input_of_a_batch(tmp_path: Path) -> None:
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", b"{}\n")}}
    async with keyed(tmp_path) as jitney:
        with as_caller(jitney, ALICE):
            id = (await jitney.client.post("/v1/files", **form)).json()["id"]
        with as_caller(jitney, BOB):
            assert (await begun(jitney, id)).status_code == 404


async def test_pages_of_batches_have_only_one_s_own(tmp_path: Path) -> None:
    async with keyed(tmp_path) as jitney:
        for key in (ALICE, BOB, ALICE, BOB, ALICE):
            with as_caller(jitney, key):
                await batch_of(jitney, line("a", "life"))
        with as_caller(jitney, ALICE):
            first = (await jitney.client.get("/v1/batches?limit=2")).json()
            second = (await jitney.client.get(f"/v1/batches?limit=2&after={first['last_id']}")).json()

    assert (len(first["data"]), first["has_more"]) == (2, True)
    assert (len(second["data"]), second["has_more"]) == (1, False)


async def test_two_callers_may_use_the_same_idempotency_key(tmp_path: Path) -> None:
    async with keyed(tmp_path) as jitney:
        made = []
        for key in (ALICE, ALICE, BOB):
            with as_caller(jitney, key):
                file = (await jitney.client.get("/v1/files")).json()["data"]
                headers = {"idempotency-key": "once"}
                asked = begun(jitney, file[0]["id"], **headers) if file else batch_of(jitney, line("a", "b"), **headers)
                made.append((await asked).json()["id"])

    assert made[0] == made[1] != made[2]
