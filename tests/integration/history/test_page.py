"""GET /history: who may read what, page by page and as CSV."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.credentials.api_key import ApiKey
from broker.credentials.credential import Credential, encode_credential
from broker.history.rows import HistoryRow
from server.history import page
from tests.integration.history.filled import opened
from tests.integration.history.postgres import Postgres
from tests.integration.history.rows import a_row, micros
from tests.unit.server.stand_in import RunningFrontEnd, running, told

pytestmark = pytest.mark.anyio

ALICE, BOB, OPERATOR, ADMIN, PLAIN = [ApiKey(letter * 12, letter * 32) for letter in "abcde"]
RIGHTS = {
    ALICE: ("infer", "history"),
    BOB: ("history",),
    OPERATOR: ("history", "admin"),
    ADMIN: ("infer", "files", "admin"),
    PLAIN: ("infer", "files"),
}
AT = micros(2026, 11, 30, 12)
ROWS = [
    a_row(at=AT, request_id="1", caller=ALICE.id, model="echo", label="good", score=0.75, output=b'{"label": "good"}'),
    a_row(at=AT + 1, request_id="2", caller=ALICE.id, model="echo", code="contended", status=429),
    a_row(at=AT + 2, request_id="3", caller=BOB.id, model="other", label="good", input="=1+1", input_hash=b"\xff"),
    a_row(at=AT + 3, request_id="4"),
]


@asynccontextmanager
async def keyed(tmp_path: Path, place: str, **settings: Any) -> AsyncIterator[RunningFrontEnd]:
    keys = tmp_path / "keys"
    made = [Credential(id=key.id, hash=key.hash, rights=rights) for key, rights in RIGHTS.items()]
    keys.write_bytes(b"\n".join(map(encode_credential, made)))
    async with running(**{"api_keys": str(keys), "history_database": place} | settings) as jitney:
        yield jitney


@asynccontextmanager
async def kept(tmp_path: Path, place: str, *rows: HistoryRow, **settings: Any) -> AsyncIterator[RunningFrontEnd]:
    """A front end, beside a history of these rows."""
    async with opened(place, *(rows or ROWS)), keyed(tmp_path, place, **settings) as jitney:
        yield jitney


async def asked(jitney: RunningFrontEnd, key: ApiKey, **query: Any) -> httpx2.Response:
    return await jitney.client.get("/history", params=query, headers={"X-API-Key": key.text})


def ids(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    return "".join(row["requestId"] for row in answer.json()["rows"])


async def test_a_key_reads_what_is_kept_of_it_and_with_admin_what_is_of_everybody(tmp_path: Path, place: str):
    async with kept(tmp_path, place) as jitney:
        found = {key: ids(await asked(jitney, key)) for key in (ALICE, BOB, OPERATOR)}

    assert found == {ALICE: "21", BOB: "3", OPERATOR: "4321"}


@pytest.mark.parametrize("key", [ADMIN, PLAIN])
async def test_no_other_right_reads_it(tmp_path: Path, place: str, key: ApiKey):
    async with kept(tmp_path, place) as jitney:
        answer = await asked(jitney, key)

    assert told(answer) == (403, "not_allowed")
    assert "history" in answer.json()["detail"]


async def test_strangers_do_not_read_it(tmp_path: Path, place: str):
    async with kept(tmp_path, place, anonymous="60 requests/min") as jitney:
        let_in = await jitney.client.get("/history")
    async with keyed(tmp_path, place) as jitney:
        refused = await jitney.client.get("/history")

    assert (told(let_in), told(refused)) == ((403, "not_allowed"), (401, "unauthenticated"))


async def test_another_key_s_rows_are_not_to_be_asked_for(tmp_path: Path, place: str):
    async with kept(tmp_path, place) as jitney:
        others = await asked(jitney, ALICE, caller=BOB.id)
        own = await asked(jitney, ALICE, caller=ALICE.id)
        operators = await asked(jitney, OPERATOR, caller=BOB.id)

    assert told(others) == (403, "not_allowed")
    assert (ids(own), ids(operators)) == ("21", "3")


async def test_another_key_s_cursor_leads_to_none_of_its_rows(tmp_path: Path, place: str):
    async with kept(tmp_path, place) as jitney:
        cursor = (await asked(jitney, OPERATOR, limit=1)).json()["cursor"]
        found = await asked(jitney, BOB, cursor=cursor)

    assert ids(found) == "3"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"model": "echo"}, "21"),
        ({"model": "alias"}, "21"),
        ({"label": "good"}, "31"),
        ({"code": "contended"}, "2"),
        ({"from": "2026-11-30T12:00:00.000002Z"}, "43"),
        ({"from": "2026-11-30T13:00:00.000002+01:00"}, "43"),
        ({"from": "2026-11-30T12:00:00.000002"}, "43"),
        ({"to": "2026-11-30T12:00:00.000002Z"}, "21"),
        ({"from": "2026-11-30", "to": "2026-12-01"}, "4321"),
        ({"to": "2026-11-30"}, ""),
        ({"from": "0001-01-01T23:59:00+23:59"}, "4321"),
        ({"to": "9999-12-31T00:00:00-23:59"}, "4321"),
        ({"label": "good' or 1=1 --"}, ""),
        ({"unknown": "x"}, "4321"),
    ],
)
async def test_it_is_asked_by_what_stands_in_rows(tmp_path: Path, place: str, query: Any, found: str):
    async with kept(tmp_path, place, alias="alias=echo") as jitney:
        assert ids(await asked(jitney, OPERATOR, **query)) == found


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"to": "2026-11-31"},
        {"from": "0001-01-01T00:00:00+23:59"},
        {"to": "0001-01-01T00:00:00+23:59"},
        {"from": "9999-12-31T23:59:59-23:59"},
        {"to": "9999-12-31T23:59:59-23:59"},
        {"limit": 0},
        {"limit": 1_000_001},
        {"limit": "many"},
        {"format": "xml"},
        {"cursor": "nonsense"},
        {"label": "a\0b"},
    ],
)
async def test_what_cannot_be_asked_is_malformed(tmp_path: Path, place: str, query: Any):
    async with kept(tmp_path, place) as jitney:
        assert told(await asked(jitney, OPERATOR, **query)) == (400, "malformed")


async def test_a_row_says_all_that_is_kept(tmp_path: Path, place: str):
    async with kept(tmp_path, place, ROWS[0], ROWS[2]) as jitney:
        third, first = (await asked(jitney, OPERATOR)).json()["rows"]

    assert datetime.fromisoformat(first["at"]).isoformat() == "2026-11-30T12:00:00+00:00"
    assert (first["label"], first["score"], first["output"]) == ("good", 0.75, {"label": "good"})
    assert (first["input"], first["inputHash"], first["isCut"], first["isCached"]) == ("", "", False, False)
    assert (third["input"], third["inputHash"], third["output"]) == ("=1+1", "ff", None)


async def test_cursors_lead_through_all_of_it(tmp_path: Path, place: str):
    rows = [a_row(at=AT + number // 3, request_id=str(number)) for number in range(7)]
    seen: list[list[str]] = []
    cursor: str | None = ""
    async with kept(tmp_path, place, *rows) as jitney:
        while cursor is not None:
            page = (await asked(jitney, OPERATOR, limit=3, cursor=cursor)).json()
            seen.append([row["requestId"] for row in page["rows"]])
            cursor = page["cursor"]

    newest_first = sorted(rows, key=lambda row: (row.at, row.id), reverse=True)
    assert [id for page in seen for id in page] == [row.request_id for row in newest_first]
    assert list(map(len, seen)) == [3, 3, 1]


async def test_csv_is_sent_page_by_page_to_its_limit(tmp_path: Path, place: str):
    rows = [a_row(at=AT + number, request_id=str(number)) for number in range(2_500)]
    async with kept(tmp_path, place, *rows) as jitney:
        answer = await asked(jitney, OPERATOR, format="csv", limit=2_300)
        rest = await asked(jitney, OPERATOR, format="csv", limit=10_000)

    head, *lines = csv.reader(answer.text.splitlines())
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="history.csv"'
    assert head[:3] == ["at", "id", "requestId"]
    assert [line[2] for line in lines] == [str(number) for number in range(2_499, 199, -1)]
    assert len(rest.text.splitlines()) == 2_501


async def test_a_cell_is_no_formula(tmp_path: Path, place: str):
    risky = ["=1+1", "+1", "-1", "@x", "\tx", 'a "quoted", one\nof two lines']
    rows = [a_row(at=AT - number, input=text, score=-0.5) for number, text in enumerate(risky)]
    async with kept(tmp_path, place, *rows) as jitney:
        answer = await asked(jitney, OPERATOR, format="csv")

    lines = list(csv.DictReader(answer.text.splitlines(keepends=True)))
    assert [line["input"] for line in lines] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", risky[-1]]
    assert {line["score"] for line in lines} == {"-0.5"}


async def test_without_keys_nobody_reads_it_and_the_answer_says_what_helps(tmp_path: Path, place: str):
    async with opened(place, *ROWS), running(history_database=place) as jitney:
        answer = await jitney.client.get("/history")

    assert told(answer) == (404, "not_found")
    assert "--api-keys on" in answer.json()["detail"]
    assert "--rights history" in answer.json()["detail"]


async def test_without_a_database_it_says_so(tmp_path: Path):
    async with keyed(tmp_path, "") as jitney:
        answer = await asked(jitney, OPERATOR)

    assert told(answer) == (404, "not_found")
    assert "--history-database" in answer.json()["detail"]


@pytest.mark.parametrize("place", ["nowhere/history.db", "postgresql://jitney:sesame@127.0.0.1:9/history"])
async def test_a_database_that_is_away_is_503_and_nothing_else_waits(tmp_path: Path, place: str):
    where = place if "://" in place else str(tmp_path / place)
    async with keyed(tmp_path, where) as jitney:
        answer = await asked(jitney, OPERATOR)
        other = await jitney.ask("a", headers={"X-API-Key": PLAIN.text})

    assert told(answer) == (503, "history_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert "sesame" not in answer.text
    assert other.status_code == 200


async def test_it_comes_back_with_its_database(tmp_path: Path, server: Postgres, postgres_place: str):
    async with kept(tmp_path, postgres_place) as jitney:
        before = await asked(jitney, OPERATOR)
        server.stop()
        away = await asked(jitney, OPERATOR)
        server.start()
        after = await asked(jitney, OPERATOR)

    assert (ids(before), told(away), ids(after)) == ("4321", (503, "history_unavailable"), "4321")


async def test_one_that_does_not_answer_holds_up_nothing_and_takes_seconds(
    tmp_path: Path, server: Postgres, postgres_place: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page, "PATIENCE", 0.5)
    async with kept(tmp_path, postgres_place) as jitney:
        server.pause()
        try:
            looks = [asyncio.create_task(asked(jitney, OPERATOR)) for _ in range(20)]
            other = await jitney.ask("a", headers={"X-API-Key": PLAIN.text})
            refused = {told(answer) for answer in await asyncio.gather(*looks)}
        finally:
            server.resume()
        after = await asked(jitney, OPERATOR)

    assert other.status_code == 200
    assert refused == {(503, "history_unavailable"), (503, "overloaded")}
    assert ids(after) == "4321"
