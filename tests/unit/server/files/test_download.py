"""Files as they go out: whole, or seen not to be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.files import download
from server.files.store import StoreAway
from tests.unit.server.files.serving import LINES, MANY, serving
from tests.unit.server.stand_in import RunningFrontEnd

pytestmark = pytest.mark.anyio


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
