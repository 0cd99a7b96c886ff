"""A client in a test that reads a stream piece by piece, as fast as the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from starlette.types import Message

from tests.unit.server.stand_in import RunningFrontEnd

NDJSON, EVENTS = "application/x-ndjson", "text/event-stream"


class Reader:
    """Takes what is sent while `reads` is set; the front end waits where it is not. `gone`: it hangs up."""

    def __init__(self) -> None:
        self.reads, self.gone = asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.pieces = 0
        self.is_complete = False
        self.waits = 0  # sends that wait for it

    async def send(self, message: Message) -> None:
        self.waits += 1
        await self.reads.wait()
        self.waits -= 1
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self.body += message["body"]
        self.pieces += 1
        self.is_complete = not message.get("more_body", False)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Of NDJSON, the end among them."""
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def events(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Of server-sent events: event, id and data; comments left out."""
        blocks = [block for block in self.body.decode().split("\n\n") if block and not block.startswith(":")]
        found = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
        return [(one["event"], one["id"], json.loads(one["data"])) for one in found]


@asynccontextmanager
async def streaming(
    jitney: RunningFrontEnd,
    *texts: str,
    accept: str = NDJSON,
    path: str = "/models/echo",
    ids: Sequence[Any] = (),
    reader: Reader | None = None,
    timeout: float = 60.0,
    **fields: Any,
) -> AsyncIterator[tuple[Reader, asyncio.Task[None]]]:
    """A request on its way, with what reads its answer. Given up at the end."""
    reader = reader or Reader()
    records = [{"id": id, "text": text} for id, text in zip(ids or range(len(texts)), texts, strict=True)]
    bodies = [msgspec.json.encode({"payload": {"records": records, **fields}})]

    async def receive() -> Message:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        await reader.gone.wait()
        return {"type": "http.disconnect"}

    headers = [(b"accept", accept.encode()), (b"x-request-timeout", b"%g" % timeout), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "root_path": ""}
    asking = asyncio.create_task(jitney.app(scope, receive, reader.send))
    try:
        yield reader, asking
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def read(jitney: RunningFrontEnd, *texts: str, **how: Any) -> Reader:
    """The whole answer."""
    async with streaming(jitney, *texts, **how) as (reader, asking):
        await asking
    return reader
