"""A connection on a transport and a clock of our own, to an application whose answers the test gives."""

from __future__ import annotations

import asyncio

import uvicorn
from uvicorn.server import ServerState

from server.http.connection.bounds import BoundedProtocol

KEEP_ALIVE = 5  # seconds
HELLO = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}


class Line(asyncio.Transport):
    """Keeps what is written; `unread`: what of it the client has not taken."""

    def __init__(self):
        super().__init__()
        self.written = []
        self.ended = ""
        self.unread = 0

    def write(self, data):
        self.written.append(bytes(data))

    def get_write_buffer_size(self):
        return self.unread

    def is_closing(self):
        return bool(self.ended)

    def close(self):
        self.ended = self.ended or "closed"

    def abort(self):
        self.ended = "aborted"

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


class Timer:
    def __init__(self, when, call):
        self.when, self.call = when, call

    def cancel(self):
        self.when, self.call = float("inf"), None  # as asyncio's, it lets go of what it would have called


class Clock:
    """A loop whose time moves when the test says so."""

    def __init__(self):
        self.now = 0.0
        self.timers = []

    def time(self):
        return self.now

    def call_later(self, seconds, call, *arguments):
        self.timers.append(Timer(self.now + seconds, lambda: call(*arguments)))
        return self.timers[-1]

    def create_task(self, coroutine):
        return asyncio.get_running_loop().create_task(coroutine)

    def pass_until(self, now):
        while due := [timer for timer in self.timers if timer.when <= now]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = first.when
            first.call()
        self.now = now


class Talk:
    """A connection to an application whose messages the test gives."""

    def __init__(self, *messages, heads=None):
        self.messages = messages
        self.seen = []  # of each request, what the application gets
        self.errors = []
        self.line, self.clock = Line(), Clock()
        config = uvicorn.Config(self, log_config=None, lifespan="off", timeout_keep_alive=KEEP_ALIVE)
        self.connection = BoundedProtocol(config, ServerState(), {}, self.clock, heads=heads)
        self.connection.connection_made(self.line)

    async def __call__(self, scope, receive, send):
        data, more = b"", True
        while more:
            message = await receive()
            data, more = data + message["body"], message["more_body"]
        self.seen.append((scope["method"], scope["path"], scope["query_string"], scope["headers"], data))
        for message in self.messages:
            try:
                await send(message)
            except RuntimeError as error:
                self.errors.append(str(error))
                raise

    async def hears(self, said):
        """What is written when the client has said this."""
        self.connection.data_received(said)
        while self.connection.state.tasks and not self.connection.last.more_body:
            await asyncio.sleep(0)
        written, self.line.written = self.line.written, []
        return written


def body(data, *, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def answer(*headers, status=200):
    return {"type": "http.response.start", "status": status, "headers": headers}
