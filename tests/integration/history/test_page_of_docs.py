"""docs/history.md does what it says: its commands, its SQL, its addresses."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker.credentials.credential import decode_credential
from history.views import REPORTS
from jitney.cli import app
from tests.integration.history.filled import opened
from tests.integration.history.postgres import Postgres
from tests.integration.history.rows import a_row
from tests.integration.history.test_page import OPERATOR, keyed
from tests.integration.processes import ROOT

pytestmark = pytest.mark.anyio

TEXT = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINES = [(kind, line) for kind, text in BLOCK.findall(TEXT) for line in text.splitlines() if line]


def lines(kind: str, begins: str = "") -> list[str]:
    found = [line for name, line in LINES if name == kind and line.startswith(begins)]
    assert found
    return found


def test_every_kind_of_line_is_tried() -> None:
    assert {kind for kind, _ in LINES} == {"sh", "sql", "psql"}
    assert set(lines("sh")) == {*lines("sh", "jitney "), *lines("sh", "curl "), *lines("sh", "export ")}


COMING = ("jitney up", "jitney history run")  # with the writer


@pytest.mark.parametrize("line", [line for line in lines("sh", "jitney ") if not line.startswith(COMING)])
def test_every_command_is_one(line: str) -> None:
    words = shlex.split(re.split("[<>]", line)[0], comments=True)[1:]

    said = CliRunner().invoke(app, [*words, "--help"])

    assert said.exit_code == 0, said.output
    assert len(words) < 2 or words[0] != "report" or words[1].startswith("-") or words[1] in REPORTS


@pytest.mark.parametrize("line", lines("sh", "jitney keys"))
def test_every_key_can_be_made(line: str, tmp_path: Path) -> None:
    made = CliRunner().invoke(app, [*shlex.split(line, comments=True)[1:], "--file", str(tmp_path / "keys")])

    assert made.exit_code == 0, made.output
    assert "history" in decode_credential((tmp_path / "keys").read_text()).rights


@pytest.mark.parametrize("sql", lines("sql", "select"))
async def test_every_query_finds_what_it_asks_for(sql: str, place: str) -> None:
    at = int(time.time() * 1_000_000)
    found = a_row(at=at, model="demo", label="good", score=0.1, compute=0.9, batch_size=1, caller="alice")
    async with opened(place, found, a_row(at=at, code="expired"), now=time.time()) as database:
        assert await database.fetch(sql.removesuffix(";"))


@pytest.mark.parametrize("line", lines("sh", "curl"))
async def test_every_address_answers(line: str, tmp_path: Path) -> None:
    place = str(tmp_path / "history.db")
    [url] = re.findall(r"'http://127.0.0.1:9527(/history\?[^']+)'", line)
    async with opened(place, a_row()), keyed(tmp_path, place) as jitney:
        answer = await jitney.client.get(url, headers={"X-API-Key": OPERATOR.text})

    assert answer.status_code == 200, answer.text


async def test_whoever_only_reads_needs_the_rights_that_the_page_says(
    server: Postgres, postgres_place: str, tmp_path: Path
) -> None:
    as_reader = postgres_place.replace("jitney@", "jitney_reader@")
    async with opened(postgres_place, a_row(request_id="r")) as database:
        for sql in lines("psql"):
            await database.execute(sql.removesuffix(";"))
        async with keyed(tmp_path, as_reader) as jitney:
            answer = await jitney.client.get("/history", headers={"X-API-Key": OPERATOR.text})
        await database.execute("drop owned by jitney_reader")
        await database.execute("drop role jitney_reader")

    assert [row["requestId"] for row in answer.json()["rows"]] == ["r"]
