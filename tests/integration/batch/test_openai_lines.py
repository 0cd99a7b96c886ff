"""`jitney batch` over lines of OpenAI's: each to its address, complete and in order, and on after a kill."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.batch.commands import WINDOW, batch, rows, signalled
from tests.integration.batch.counting_server import Counted

HOW = {"endpoint": ""}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Forty lines, for two addresses in turn."""
    path = tmp_path / "in.jsonl"
    urls = ["/v1/embeddings", "/v1/other"]
    lines = [{"custom_id": f"c{at}", "method": "POST", "url": urls[at % 2], "body": body(at)} for at in range(40)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def body(at: int) -> dict[str, Any]:
    return {"model": "any", "input": f"text {at}"}


def output(at: int) -> dict[str, Any]:
    response = {"status_code": 200, "request_id": "", "body": {"model": "any", "text": f"TEXT {at}"}}
    return {"id": f"batch_req_{at + 1}", "custom_id": f"c{at}", "response": response, "error": None}


def test_each_line_goes_to_its_address_and_out_has_its_reply(server: Counted, source: Path, tmp_path: Path) -> None:
    done = batch(source, server.url, **HOW)

    assert (done.returncode, rows(tmp_path / "out.jsonl")) == (0, [output(at) for at in range(40)])
    assert server.addresses == {"/v1/embeddings": 20, "/v1/other": 20}
    assert server.headers["jitney-lane"] == "bulk"


def test_killed_in_the_middle_it_goes_on_and_sends_no_finished_line_again(
    server: Counted, source: Path, tmp_path: Path
) -> None:
    code, _ = signalled(server, 20, signal.SIGKILL, source, **HOW)
    assert code == -signal.SIGKILL
    finished = [row["response"]["body"]["text"].lower() for row in rows(tmp_path / "out.jsonl.part")]

    done = batch(source, server.url, **HOW)

    assert (done.returncode, rows(tmp_path / "out.jsonl")) == (0, [output(at) for at in range(40)])
    assert finished and all(server.texts[text] == 1 for text in finished)
    assert server.texts.total() <= 40 + WINDOW and max(server.texts.values()) <= 2


def test_what_failed_has_the_servers_reply_in_its_place_and_is_tried_again_when_asked(
    server: Counted, source: Path, tmp_path: Path
) -> None:
    bad = {"error": {"code": "invalid_input", "message": "not today"}}
    server.refuse = lambda texts, before: (400, {"x-request-id": "r"}, bad) if texts == ["text 7"] else None
    first = batch(source, server.url, **HOW)
    out = rows(tmp_path / "out.jsonl")
    errors = rows(tmp_path / "out.jsonl.errors.jsonl")
    server.refuse = lambda texts, before: None

    second = batch(source, server.url, "--retry-failed", **HOW)

    assert (first.returncode, second.returncode) == (1, 0)
    assert out[7]["response"] == {"status_code": 400, "request_id": "r", "body": bad}
    assert errors == [{"row": 8, "id": "c7", "error": {"code": "invalid_input", "message": "not today"}}]
    assert rows(tmp_path / "out.jsonl") == [output(at) for at in range(40)]
    assert server.texts.total() == 40


def test_rows_without_an_endpoint_are_asked_for_it(server: Counted, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "a", "text": "one"}\n')

    done = batch(source, server.url, **HOW)

    assert done.returncode == 2 and b"is --endpoint missing" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
