"""A front end with files, and what its clients send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai

from tests.unit.server.stand_in import RunningFrontEnd, running

LINES = b'{"custom_id": "1"}\n'
MANY = LINES * 500_000  # 9.5 MB: object storage takes it in parts


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
