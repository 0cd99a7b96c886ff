"""One connection to the broker: what is asked is written in one go, and one future has all the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import hiredis
from redis._parsers.base import BaseParser
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError, InvalidResponse, ReadOnlyError, TimeoutError

SLICE = 1 << 18  # bytes that are written at once, and may take as long as an answer
# Bytes a second: what was written may sit in this machine's buffers for so long before it is answered.
SLOWEST = 1 << 20
# After these a connection is closed, and the broker's name looked up anew: a master that has become a replica would
# refuse whatever comes on the old one, for ever.
BREAKING = (ConnectionError, TimeoutError, ReadOnlyError)
UNFINISHED = object()


async def link_by(connection: AbstractConnection, limit: float) -> Link:
    """redis-py connects, by TCP, TLS or a socket of this machine, gives its password and its name; then its streams are
    passed over. `limit`: seconds in which nothing moves, then it breaks."""
    await connection.connect()
    return Link(connection, limit, asyncio.get_running_loop())


class Link(asyncio.Protocol):
    """For one caller at a time. It sends nothing twice, and breaks for ever when its caller goes before the answer, or
    when something comes that nobody asked for: no caller gets the answer to another's question."""

    def __init__(self, connection: Any, limit: float, loop: asyncio.AbstractEventLoop) -> None:
        self._connection, self._limit, self._loop = connection, limit, loop
        self._transport: asyncio.Transport = connection._writer.transport
        self._errors: list[Exception] = []  # in the replies
        self._parser = hiredis.Reader(
            protocolError=InvalidResponse, replyError=_kept_in(self._errors), notEnoughData=UNFINISHED
        )
        self._nothing: asyncio.Future[list[Any]] = loop.create_future()  # is asked
        self._nothing.cancel()
        self._answer = self._nothing
        self._replies: list[Any] = []
        self._count = 0  # replies that make the answer
        self._moved = 0.0  # when a byte was seen to move, the event loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._room: asyncio.Future[None] | None = None  # while the socket takes no more
        self.is_open = True
        self._transport.set_protocol(self)

    async def trip(self, packed: bytes, count: int) -> list[Any]:
        """What is answered to so many commands, in their order; an error is an answer like any other. Raises the errors
        of redis-py when the connection breaks, and nobody knows then what was obeyed."""
        self._count, self._replies, self._answer = count, [], self._loop.create_future()
        self._watch()
        try:
            if len(packed) <= SLICE:
                self._transport.write(packed)
            else:
                await self._write_slices(packed)
            replies = await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = self._nothing  # an idle link keeps no megabytes, and an error not its own link for ever
        if self._errors:
            self._close_for(self._errors)
        return replies

    def _close_for(self, errors: list[Exception]) -> None:
        if any(isinstance(error, BREAKING) for error in errors):
            self.close()
        errors.clear()

    def close(self) -> None:
        """At once, with what was not sent yet."""
        self.is_open = False
        self._transport.abort()
        self._connection._reader = self._connection._writer = None  # redis-py complains of those that it sees open
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the transport says

    def data_received(self, data: bytes) -> None:
        self._moved = max(self._moved, self._loop.time())
        try:
            self._parse(data)
        except InvalidResponse as error:
            self._break(error)

    def _parse(self, data: bytes) -> None:
        parser, replies = self._parser, self._replies
        parser.feed(data)
        while (reply := parser.gets()) is not UNFINISHED:
            if type(reply) is not hiredis.PushNotification:
                replies.append(reply)
        if len(replies) < self._count:
            return
        if len(replies) > self._count or self._answer.done() or parser.has_data():
            self._break(ConnectionError("something came that nobody had asked for"))
        else:
            self._count, self._replies = 0, []
            self._answer.set_result(replies)

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        self._moved = max(self._moved, self._loop.time())
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    def connection_lost(self, error: Exception | None) -> None:
        lost = ConnectionError(str(error) if error else "Connection closed by server.")
        lost.__cause__ = error
        self._break(lost)

    def _break(self, error: Exception) -> None:
        self.close()
        if not self._answer.done():
            self._answer.set_exception(error)
        self.resume_writing()

    # Progress: a slow link is no dead one

    async def _write_slices(self, packed: bytes) -> None:
        """Each may take its time; so may what the socket's buffers hold in the end."""
        view = memoryview(packed)
        for at in range(0, len(view), SLICE):
            if self._room is not None:
                await self._room
            if not self.is_open:
                return  # the answer says why
            self._transport.write(view[at : at + SLICE])
        self._moved = self._loop.time() + len(view) / SLOWEST

    def _watch(self) -> None:
        self._moved = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._moved + self._limit, self._look)

    def _look(self) -> None:
        """One timer for many trips: it goes on where something has moved since it was set. A process that stood still
        is no dead broker: an event loop reads what has come before it looks at its timers."""
        self._timer = None
        due = self._moved + self._limit
        if self._answer.done():
            return
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
        else:
            self._break(TimeoutError(f"Timeout: nothing moved for {self._limit:g} s"))


def _kept_in(errors: list[Exception]) -> Callable[[str], Exception]:
    """What the parser makes of an error. It knows no link: the two would keep each other for ever."""

    def read(text: str) -> Exception:
        error: Exception = BaseParser.parse_error(text)
        errors.append(error)
        return error

    return read
