"""Takes the connections that wait at the port: many in one turn of the loop, first come, first taken."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

import structlog

log = structlog.get_logger("server")

A_TURN = 64  # connections taken in one turn of the loop, at most: the rest of the turn is for requests
PAUSE = 1.0  # seconds until the next try when there is no room for one more
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)  # other errors are of one connection


class Listener:
    """Makes a protocol for each connection, until it is closed."""

    # libuv's own takes one connection a turn. A busy turn lasts 10 ms: a thousand new clients would wait for 10 s.
    # Copies of the socket, one taken from each a turn, cost a lone connection a failing `accept` a copy: 4 µs each.

    def __init__(
        self, listening: socket.socket, make_protocol: Callable[[], asyncio.Protocol], *, pause: float = PAUSE
    ) -> None:
        self._listening = listening
        self._make_protocol = make_protocol
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._again: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._watch()

    async def close(self) -> None:
        """Take no more; every connection that was taken has been told to its protocol."""
        self._loop.remove_reader(self._listening)
        if self._again is not None:
            self._again.cancel()
        if self._opening:
            await asyncio.wait(self._opening)

    def _watch(self) -> None:
        self._loop.add_reader(self._listening, self._take)

    def _take(self) -> None:
        try:
            for _ in range(A_TURN):
                connection, _address = self._listening.accept()
                self._open(connection)
        except BlockingIOError:
            return  # nobody waits any more
        except OSError as error:
            if error.errno in NO_ROOM:
                self._rest(error)

    def _open(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        opening = self._loop.create_task(self._loop.connect_accepted_socket(self._make_protocol, connection))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    def _rest(self, error: OSError) -> None:
        log.warning("no room for a connection", error=error.strerror, next_try_in=self._pause)
        self._loop.remove_reader(self._listening)
        self._again = self._loop.call_later(self._pause, self._watch)
