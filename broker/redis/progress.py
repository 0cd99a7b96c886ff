"""Connections whose time limit counts from the last progress: a slow link is no dead one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import hiredis
import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError, TimeoutError

from broker.trips import cut

SLICE = 1 << 18  # bytes that are written under one time limit
# Bytes a second: what was written may sit in this machine's buffers for so long before it is answered.
SLOWEST = 1 << 20


class Received:
    """Counts the bytes that a stream has received."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.count = 0
        self.reader = reader
        self._feed = reader.feed_data
        reader.feed_data = self._count  # type: ignore[method-assign]

    def _count(self, data: Any) -> None:
        self.count += len(data)
        self._feed(data)


class Progress(AbstractConnection):
    """`socket_timeout` seconds without a byte break the connection; redis-py counts them for a whole reply."""

    _received: Received | None = None
    _patient_until = 0.0  # seconds, the event loop's clock

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        reader: Any = self._reader
        if self._received is None or self._received.reader is not reader:
            self._received, self._patient_until = Received(reader), 0.0
        await super().on_connect_check_health(check_health)

    def pack_command(self, *args: Any) -> list[bytes]:
        """By hiredis, as redis-py's own blocking connections do: several times faster than its Python."""
        name, *rest = args
        words = name.split() if isinstance(name, bytes | str) else [name]
        return [hiredis.pack_command((*words, *rest))]

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        pieces = (
            [command.encode()] if isinstance(command, str) else [command] if isinstance(command, bytes) else [*command]
        )
        size = sum(map(len, pieces))
        if size <= SLICE:
            await super().send_packed_command(pieces, check_health)
            return
        for part in cut(_sliced(pieces), SLICE):
            await super().send_packed_command(part, check_health)
            check_health = False  # it would write a PING into the middle
        self._patient_until = asyncio.get_running_loop().time() + size / SLOWEST

    async def read_response(
        self,
        disable_decoding: bool = False,
        timeout: float | None = None,
        *,
        disconnect_on_error: bool = True,
        push_request: bool | None = False,
    ) -> Any:
        while True:
            before = self._received and self._received.count
            try:
                # A reader that was interrupted goes on where it was.
                return await super().read_response(
                    disable_decoding, timeout, disconnect_on_error=False, push_request=push_request
                )
            except ResponseError:
                raise  # an answer like any other
            except TimeoutError:
                has_moved = before != (self._received and self._received.count)
                if not has_moved and asyncio.get_running_loop().time() >= self._patient_until:
                    await self._break(disconnect_on_error)
                    raise
            except BaseException:
                await self._break(disconnect_on_error)
                raise

    async def _break(self, disconnect: bool) -> None:
        if disconnect:
            await self.disconnect(nowait=True)


def _sliced(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if len(piece) <= SLICE:
            yield piece
        else:
            view = memoryview(piece)
            yield from (bytes(view[at : at + SLICE]) for at in range(0, len(piece), SLICE))


class PatientConnection(Progress, redis.asyncio.Connection):
    """By TCP."""


class PatientSSLConnection(Progress, redis.asyncio.SSLConnection):
    """By TLS."""


class PatientUnixConnection(Progress, redis.asyncio.UnixDomainSocketConnection):
    """By a socket of this machine."""


PATIENT: dict[type[AbstractConnection], type[AbstractConnection]] = {
    redis.asyncio.Connection: PatientConnection,
    redis.asyncio.SSLConnection: PatientSSLConnection,
    redis.asyncio.UnixDomainSocketConnection: PatientUnixConnection,
}
