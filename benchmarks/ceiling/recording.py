"""A relay between a client and its broker that keeps what was asked, so that it can be asked again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import hiredis

READ = 1 << 16  # bytes at once


class Recording:
    """What clients asked, byte for byte. It is in order where one trip ends before the next one begins."""

    def __init__(self) -> None:
        self.asked = bytearray()

    def forget(self) -> None:
        """Begin anew."""
        self.asked.clear()

    def commands(self) -> int:
        """How many they are."""
        reader = hiredis.Reader()
        reader.feed(bytes(self.asked))
        count = 0
        while reader.gets() is not False:
            count += 1
        return count


@asynccontextmanager
async def recording(socket: Path) -> AsyncIterator[tuple[str, Recording]]:
    """The URL to connect to instead of the broker on this socket, and what is recorded there."""
    recorded = Recording()
    ends: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_unix_connection(socket)
        ends.update((writer, broker_writer))
        await asyncio.gather(_copy(reader, broker_writer, recorded.asked), _copy(broker_reader, writer, None))

    server = await asyncio.start_server(serve, "127.0.0.1")
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", recorded
    finally:
        server.close()
        for end in ends:
            end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None) -> None:
    while data := await reader.read(READ):
        if kept is not None:
            kept += data
        writer.write(data)
    writer.close()


async def replay(socket: Path, asked: bytes, commands: int) -> int:
    """Ask all of it without waiting, and read every reply; how many of them were errors."""
    reader, writer = await asyncio.open_unix_connection(socket)
    sending = asyncio.create_task(_send(writer, asked))
    try:
        return await _errors(reader, commands)
    finally:
        await sending
        writer.close()


async def _send(writer: asyncio.StreamWriter, asked: bytes) -> None:
    for start in range(0, len(asked), READ):
        writer.write(asked[start : start + READ])
        await writer.drain()


async def _errors(reader: asyncio.StreamReader, commands: int) -> int:
    replies, errors = hiredis.Reader(), 0
    while commands:
        while (reply := replies.gets()) is not False:
            errors += isinstance(reply, hiredis.ReplyError)
            commands -= 1
        if commands:
            replies.feed(await reader.read(READ))
    return errors
