"""uvicorn with our own way to end: at SIGTERM unready at once, closed a little later, exit status 0."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import structlog
import uvicorn
from starlette.types import ASGIApp

from server.front_end import FrontEnd
from server.http.connection.bounds import BoundedProtocol
from server.http.connection.heads import Heads
from server.http.listener import Listener
from server.settings import ServerSettings

log = structlog.get_logger("server")

KEEP_ALIVE = 75  # seconds an idle connection stays open: longer than the usual 60 of load balancers, which reuse them
GRACE = 5  # seconds beyond the longest deadline until unfinished requests are given up


def uvicorn_config(
    app: ASGIApp, settings: ServerSettings, on_refusal: Callable[[str], None] = lambda code: None
) -> uvicorn.Config:
    """uvicorn without its own logging, headers and websockets. `on_refusal` is told of requests no endpoint saw."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=partial(BoundedProtocol, on_refusal=on_refusal, heads=Heads()),  # type: ignore[arg-type]  # it is only ever called
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here reads the client's address
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(settings.max_timeout) + GRACE,
    )


class Server(uvicorn.Server):
    """Drains before it stops; Ctrl-C, or a second SIGTERM, skips the draining."""

    def __init__(self, config: uvicorn.Config, front_end: FrontEnd) -> None:
        super().__init__(config)
        self._front_end = front_end
        self._listeners: list[Listener] = []
        self.reason: Exception | None = None  # why it gave up, if it did

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, with listeners of our own."""
        await super().startup(sockets=[])
        made = {"config": self.config, "server_state": self.server_state, "app_state": self.lifespan.state}
        self._listeners = [Listener(each, partial(self.config.http_protocol_class, **made)) for each in sockets or ()]
        addresses = [f"{listener.getsockname()[0]}:{listener.getsockname()[1]}" for listener in sockets or ()]
        log.info("listening", addresses=addresses)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, once it can see all connections."""
        for listener in self._listeners:
            await listener.close()
        await super().shutdown(sockets=sockets)

    def give_up(self, reason: Exception) -> None:
        """Stop, for this reason."""
        self.reason = self.reason or reason
        self._close()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, which raises the signal again at the end and so never exits with 0."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.drain)
        loop.add_signal_handler(signal.SIGINT, self.stop)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGINT)

    def drain(self) -> None:
        """Unready from now on. The port closes a little later, when balancers send nobody here any more."""
        if self._front_end.is_draining:
            self.stop()
            return
        self._front_end.is_draining = self._front_end.tasks.predictions.is_ending = True
        seconds = self._front_end.settings.drain_seconds
        log.info("draining", seconds=seconds, waiting=len(self._front_end.pending))
        asyncio.get_running_loop().call_later(seconds, self._close)

    def stop(self) -> None:
        """Close the port now and finish what is pending; called once more, do not wait for that."""
        self.force_exit = self.should_exit
        self._close()

    def _close(self) -> None:
        self._front_end.is_draining = True
        self._front_end.tasks.predictions.end_waits()
        self.should_exit = True
