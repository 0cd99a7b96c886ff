"""/v1/files as OpenAI's client and others ask for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from server.files import download, upload
from server.files.form import BESIDES
from server.files.store import StoreAway, StoreFull
from tests.s3_server import BUCKET
from tests.unit.server.stand_in import RunningFrontEnd, running

pytestmark = pytest.mark.anyio

LINES = b'{"custom_id": "1"}\n'
MANY = LINES * 500_000  # 9.5 MB: object storage takes it in parts
MAX = 1_000


@asynccontextmanager
async def serving(where: Any, **settings: Any) -> AsyncIterator[tuple[RunningFrontEnd, openai.AsyncOpenAI]]:
    """A front end with files, and OpenAI's client of it."""
    async with running(files=str(where), **settings) as jitney:
        base = "http://jitney/v1"
        yield jitney, openai.AsyncOpenAI(base_url=base, api_key="none", http_client=jitney.client, max_retries=0)


def form(*parts: tuple[str, str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    """A form of these fields: name, what else its disposition says, value."""
    written = [
        b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name.encode(), more.encode(), value)
        for name, more, value in parts
    ]
    return b"".join(written) + end


PURPOSE = ("purpose", "", b"batch")
FILE = ("file", '; filename="in.jsonl"', LINES)
FORM = {"content-type": "multipart/form-data; boundary=b"}


async def posted(jitney: RunningFrontEnd, body: Any, headers: Any = FORM) -> httpx2.Response:
    return await jitney.client.post("/v1/files", content=body, headers=headers)


async def kept(jitney: RunningFrontEnd) -> list[str]:
    files = jitney.front_end.files
    assert files is not None
    return [*await files.store.names("data"), *await files.store.names("files")]


@pytest.fixture(params=["directory", "bucket"])
def where(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    """What `--files` is."""
    if request.param == "directory":
        return str(tmp_path)
    request.getfixturevalue("bucket")
    return f"s3://{BUCKET}/{tmp_path.name}"


async def test_openai_s_client_brings_finds_reads_and_deletes_a_file(where: str):
    async with serving(where) as (_, client):
        made = await client.files.create(file=("in.jsonl", MANY), purpose="batch")
        found = await client.files.retrieve(made.id)
        listed = [file async for file in client.files.list()]
        content = await client.files.content(made.id)
        gone = await client.files.delete(made.id)

        assert (made.filename, made.purpose, made.bytes, made.status) == ("in.jsonl", "batch", len(MANY), "processed")
        assert made.expires_at == made.created_at + 30 * 86_400
        assert found == made
        assert listed == [made]
        assert content.content == MANY
        assert (gone.id, gone.deleted) == (made.id, True)
        with pytest.raises(openai.NotFoundError):
            await client.files.retrieve(made.id)
        with pytest.raises(openai.NotFoundError):
            await client.files.content(made.id)


async def test_openai_s_client_goes_through_all_pages(tmp_path):
    async with serving(tmp_path) as (_, client):
        made = [await client.files.create(file=LINES, purpose="batch") for _ in range(5)]

        listed = [file.id async for file in client.files.list(limit=2, order="asc", purpose="batch")]
        others = [file.id async for file in client.files.list(purpose="batch_output")]

        assert listed == sorted(file.id for file in made)
        assert others == []


async def test_a_client_says_how_long_its_file_is_kept(tmp_path):
    async with serving(tmp_path, files_ttl=5_000.0) as (_, client):
        short = await client.files.create(
            file=LINES, purpose="batch", expires_after={"anchor": "created_at", "seconds": 3_600}
        )
        long = await client.files.create(
            file=LINES, purpose="batch", expires_after={"anchor": "created_at", "seconds": 7_200}
        )

        assert (short.expires_at, long.expires_at) == (short.created_at + 3_600, long.created_at + 5_000)


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


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("id", ["file-" + "0" * 36, "..%2f..%2fetc%2fpasswd", "nothing"])
async def test_a_file_that_is_not_there_is_404(tmp_path, method: str, id: str):
    async with serving(tmp_path) as (jitney, _):
        answer = await jitney.client.request(method, f"/v1/files/{id}")

        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "order=up"])
async def test_a_page_that_cannot_be_is_refused(tmp_path, query: str):
    async with serving(tmp_path) as (jitney, _):
        answer = await jitney.client.get(f"/v1/files?{query}")

        assert (answer.status_code, answer.json()["error"]["param"]) == (400, query.partition("=")[0])


async def test_a_download_says_what_it_is_and_head_has_no_body(tmp_path):
    async with serving(tmp_path) as (jitney, client):
        id = (await client.files.create(file=LINES, purpose="batch")).id

        whole = await jitney.client.get(f"/v1/files/{id}/content")
        head = await jitney.client.head(f"/v1/files/{id}/content")

        assert whole.content == LINES
        assert whole.headers["content-type"] == "application/octet-stream"
        assert whole.headers["content-disposition"] == f'attachment; filename="{id}.jsonl"'
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(LINES)))


async def downloaded(jitney: RunningFrontEnd, id: str, *, taken: int) -> list[Any]:
    """What a client is sent that hangs up after so many messages."""
    scope = {"type": "http", "method": "GET", "path": f"/v1/files/{id}/content", "headers": [], "root_path": ""}
    sent: list[Any] = []
    has_enough = asyncio.Event()

    async def receive() -> Any:
        await has_enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == taken:
            has_enough.set()
            await asyncio.Event().wait()  # its connection is full, for ever

    await jitney.app(scope, receive, send)
    return sent


def open_files(where: Any) -> list[str]:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.exists()]
    return [path for path in map(os.readlink, links) if path.startswith(str(where))]


async def test_a_client_that_hangs_up_on_a_download_leaves_nothing_open(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MOST", 1)
    async with serving(tmp_path) as (jitney, client):
        id = (await client.files.create(file=MANY, purpose="batch")).id

        for _ in range(2):
            sent = await downloaded(jitney, id, taken=3)  # the head and two pieces
            assert len(sent) == 3

        assert open_files(tmp_path) == []


async def test_a_store_that_fails_in_the_middle_ends_the_connection_and_no_whole_file(tmp_path, monkeypatch):
    async def failing(name: str, offset: int = 0) -> AsyncIterator[bytes]:
        yield LINES
        raise StoreAway("Not now.")

    async with serving(tmp_path) as (jitney, client):
        id = (await client.files.create(file=MANY, purpose="batch")).id
        monkeypatch.setattr(jitney.front_end.files.store, "read", failing)
        sent = await downloaded(jitney, id, taken=99)

        assert [message.get("more_body") for message in sent] == [None, True]


async def test_a_store_that_fails_at_once_or_has_lost_it_is_said(tmp_path, monkeypatch):
    def failing(error: Exception) -> Any:
        async def read(name: str, offset: int = 0) -> AsyncIterator[bytes]:
            raise error
            yield b""

        return read

    async with serving(tmp_path) as (jitney, client):
        id = (await client.files.create(file=LINES, purpose="batch")).id
        statuses = []
        for error in (StoreAway("Not now."), FileNotFoundError()):
            monkeypatch.setattr(jitney.front_end.files.store, "read", failing(error))
            statuses.append((await jitney.client.get(f"/v1/files/{id}/content")).status_code)

        assert statuses == [503, 404]


async def test_one_download_too_many_is_asked_to_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MOST", 0)
    async with serving(tmp_path) as (jitney, client):
        id = (await client.files.create(file=LINES, purpose="batch")).id

        refused = await jitney.client.get(f"/v1/files/{id}/content")

        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_an_empty_file_is_a_file(where: str):
    async with serving(where) as (_, client):
        id = (await client.files.create(file=("empty.jsonl", b""), purpose="batch")).id

        assert (await client.files.content(id)).content == b""


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/v1/files", "/v1/files/x", "/v1/files/x/content"])
async def test_without_files_the_flag_is_named(method: str, path: str):
    async with running() as jitney:
        answer = await jitney.client.request(method, path)

        assert answer.status_code in (404, 405)
        assert answer.status_code == 405 or "--files" in answer.json()["error"]["message"]
