"""/v1/files as OpenAI's client asks for it."""

from __future__ import annotations

import openai
import pytest

from tests.unit.server.files.serving import LINES, MANY, serving
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio


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


async def test_a_compressed_form_is_refused(tmp_path):
    async with serving(tmp_path) as (jitney, _):
        form = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", LINES)}}
        answer = await jitney.client.post("/v1/files", **form, headers={"content-encoding": "gzip"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


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
