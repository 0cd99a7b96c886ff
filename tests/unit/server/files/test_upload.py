"""Files as they come: forms of every kind, and what is left of those that are not whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.files import upload
from server.files.form import BESIDES
from server.files.store import StoreAway, StoreFull
from tests.unit.server.files.serving import FILE, FORM, LINES, PURPOSE, form, posted, serving
from tests.unit.server.stand_in import RunningFrontEnd

pytestmark = pytest.mark.anyio

MAX = 1_000


async def kept(jitney: RunningFrontEnd) -> list[str]:
    files = jitney.front_end.files
    assert files is not None
    return [*await files.store.names("data"), *await files.store.names("files")]


@pytest.mark.parametrize(
    "parts", [(PURPOSE, FILE), (FILE, PURPOSE), (("other", "", b"x" * 5_000), FILE, ("other", "", b"x"), PURPOSE)]
)
async def test_the_fields_may_come_in_any_order(tmp_path, parts: Any):
    async with serving(tmp_path) as (jitney, _):
        answer = await posted(jitney, form(*parts))

        assert answer.status_code == 200
        assert answer.json()["bytes"] == len(LINES)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\x\\\\y.jsonl", "y.jsonl"),
        ("日本.jsonl", "日本.jsonl"),
        ("a" * 400, "a" * 255),
    ],
)
async def test_a_name_is_kept_without_its_path_and_leads_nowhere(tmp_path, sent: str, kept: str):
    async with serving(tmp_path) as (jitney, _):
        answer = await posted(jitney, form(PURPOSE, ("file", f'; filename="{sent}"', LINES)))

        assert answer.json()["filename"] == kept
        assert {path.name.partition("-")[0] for path in tmp_path.rglob("*") if path.is_file()} == {"file"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"", "last boundary", id="nothing"),
        pytest.param(b"{}", "can be read", id="no form"),
        pytest.param(form(PURPOSE, FILE, end=b""), "last boundary", id="cut off"),
        pytest.param(form(PURPOSE), "no field named file", id="no file"),
        pytest.param(form(FILE), "purpose must be batch", id="no purpose"),
        pytest.param(form(FILE, ("purpose", "", b"fine-tune")), "purpose must be batch", id="another purpose"),
        pytest.param(form(("purpose", "", b"evals"), end=b"--b\r\n"), "purpose must be batch", id="before the file"),
        pytest.param(form(PURPOSE, FILE, FILE), "two fields named file", id="two files"),
        pytest.param(form(*[("x", "", b"")] * 2_000), "more than 65536 bytes", id="many fields"),
        pytest.param(form(PURPOSE, FILE) + bytes(70_000), "more than 65536 bytes", id="more behind its end"),
        pytest.param(b"--b\r\nX: y\r\n\r\nz\r\n--b--\r\n", "no name", id="a field without a name"),
        pytest.param(
            form(PURPOSE, FILE, ("expires_after[anchor]", "", b"now")), "anchor is created_at", id="another anchor"
        ),
        pytest.param(form(PURPOSE, FILE, ("expires_after[anchor]", "", b"")), "anchor is created_at", id="no anchor"),
        pytest.param(form(PURPOSE, FILE, ("expires_after[seconds]", "", b"60")), "3600 to 2592000", id="too short"),
        pytest.param(form(PURPOSE, FILE, ("expires_after[seconds]", "", b"x")), "3600 to 2592000", id="no number"),
    ],
)
async def test_a_form_that_is_not_whole_is_refused_and_nothing_is_kept(tmp_path, body: bytes, said: str):
    async with serving(tmp_path) as (jitney, _):
        answer = await posted(jitney, body)

        assert (answer.status_code, said in answer.json()["error"]["message"]) == (400, True), answer.text
        assert await kept(jitney) == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [("application/json", 415), ("multipart/form-data", 400), ("multipart/form-data; boundary=" + "b" * 300, 400)],
)
async def test_what_is_no_form_is_refused_by_its_type(tmp_path, kind: str, status: int):
    async with serving(tmp_path) as (jitney, _):
        answer = await posted(jitney, form(PURPOSE, FILE), {"content-type": kind})

        assert answer.status_code == status


async def test_a_long_field_is_refused(tmp_path):
    async with serving(tmp_path) as (jitney, _):
        answer = await posted(jitney, form(FILE, ("purpose", "", b"x" * 5_000)))

        assert (answer.status_code, await kept(jitney)) == (413, [])


async def test_a_file_of_just_the_limit_is_taken(tmp_path):
    async with serving(tmp_path, max_file_bytes=MAX) as (jitney, _):
        answer = await posted(jitney, form(PURPOSE, ("file", "", bytes(MAX))))

        assert answer.json()["bytes"] == MAX


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """Sent without a length."""
    for start in range(0, len(body), 500):
        yield body[start : start + 500]


async def test_a_file_above_the_limit_is_refused_as_soon_as_it_is(tmp_path):
    async with serving(tmp_path, max_file_bytes=MAX) as (jitney, _):
        answer = await posted(jitney, pieces(form(PURPOSE, ("file", "", bytes(MAX + 1)))))

        assert answer.status_code == 413
        assert await kept(jitney) == []


async def test_a_form_that_says_that_it_is_too_large_is_not_read(tmp_path):
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    async with serving(tmp_path, max_file_bytes=MAX) as (jitney, _):
        length = {"content-length": str(MAX + BESIDES + 1)}
        answer = await posted(jitney, never(), FORM | length)

        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


async def test_a_client_that_hangs_up_leaves_nothing(where: str):
    messages = [{"type": "http.request", "body": form(PURPOSE, FILE)[:-20], "more_body": True}]
    headers = [(b"content-type", FORM["content-type"].encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/files", "headers": headers, "root_path": ""}

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError("nobody is there to be answered")

    async with serving(where) as (jitney, _):
        await jitney.app(scope, receive, send)

        assert await kept(jitney) == []


async def silence() -> AsyncIterator[bytes]:
    yield form(PURPOSE, FILE)[:-20]
    await asyncio.Event().wait()


async def test_a_client_that_falls_silent_is_given_up_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "SILENCE", 0.01)

    async with serving(tmp_path) as (jitney, _):
        answer = await posted(jitney, silence())

        assert (answer.status_code, answer.headers["connection"]) == (408, "close")
        assert await kept(jitney) == []


async def test_one_upload_too_many_is_asked_to_come_back_and_an_ended_one_makes_room(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "MOST", 1)

    async with serving(tmp_path) as (jitney, client):
        sending = asyncio.create_task(posted(jitney, silence()))
        await jitney.until(lambda: [*(tmp_path / ".unfinished").glob("*")])
        refused = await posted(jitney, form(PURPOSE, FILE))
        sending.cancel()
        await asyncio.wait([sending])

        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (await client.files.create(file=LINES, purpose="batch")).bytes == len(LINES)


@pytest.mark.parametrize(
    ("error", "status", "code"), [(StoreAway, 503, "store_unavailable"), (StoreFull, 507, "store_full")]
)
async def test_a_store_that_does_not_do_it_is_said(tmp_path, monkeypatch, error: Any, status: int, code: str):
    async def fails(*arguments: Any) -> int:
        raise error("It does not.")

    async with serving(tmp_path) as (jitney, _):
        monkeypatch.setattr(jitney.front_end.files.store, "put_stream", fails)
        answer = await posted(jitney, form(PURPOSE, FILE))

        told = answer.json()["error"]
        assert (answer.status_code, told["code"], told["message"]) == (status, code, "It does not.")
