"""One small application on real connections of ours, to be spoken to byte by byte."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import uvicorn
from uvicorn.server import ServerState

from server.http.connection.bounds import BoundedProtocol

GET = b"GET / HTTP/1.1\r\nHost: jitney\r\n"
POST = b"POST / HTTP/1.1\r\nHost: jitney\r\n"
PATIENCE = 20.0  # seconds: a busy machine is no failure


class TinyServer:
    """A server of one small application, which answers "hello" when `may_answer` is set, and its connections."""

    def __init__(self):
        self.refused = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.requests = asyncio.Queue()
        self.bodies = []
        self.made = []
        self.port = 0
        self.answer = b"hello"

    async def __call__(self, scope, receive, send):
        self.requests.put_nowait(scope["path"])
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            self.requests.put_nowait("gone")
            return
        self.bodies.append(body)
        await self.may_answer.wait()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(self.answer))]}
        )
        await send({"type": "http.response.body", "body": self.answer})

    async def say(self, *parts):
        """Send these, and whatever comes back until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            with suppress(ConnectionError):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
            return await asyncio.wait_for(reader.read(), PATIENCE)
        finally:
            writer.close()


@asynccontextmanager
async def serving():
    tiny = TinyServer()
    config, state = uvicorn.Config(tiny, log_config=None, access_log=False, lifespan="off"), ServerState()

    def made():
        tiny.made.append(BoundedProtocol(config, state, {}, on_refusal=tiny.refused.append))
        return tiny.made[-1]

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    tiny.port = server.sockets[0].getsockname()[1]
    try:
        yield tiny
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def told(answer):
    """Status and code of the last answer, when it is a problem that ends the connection."""
    head, body = answer.rsplit(b"\r\n\r\n", 1)
    head = head[head.rindex(b"HTTP/1.1") :]
    assert b"application/problem+json" in head
    assert b"connection: close" in head
    problem = json.loads(body)
    assert problem["status"] == int(head.split()[1])
    return problem["status"], problem["code"]
