"""A file on its way out: as fast as its client reads, one piece of it in memory at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from server.errors import ClientGone, Problem
from server.files.files import UNKNOWN, File, Files
from server.files.problems import store_problems
from server.files.store import StoreError
from server.http.at_once import AtOnce
from server.http.context import identity

log = structlog.get_logger("server.files")

MOST = 32  # downloads of one front end; each has a piece in memory, and one that its client has not taken
TOO_MANY = "Too many files are on their way from this front end at the moment."
BYTES = "application/octet-stream"


class Downloads:
    """All of one front end."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._running = AtOnce(MOST, TOO_MANY)

    async def send(self, file: File, scope: Scope, receive: Receive, send: Send) -> None:
        """All of it. Raises `Problem` as long as nothing is sent, then `ClientGone` for a store that fails."""
        with self._running.one():
            async with aclosing(self._files.content(file.id)) as pieces:
                first = b"" if scope["method"] == "HEAD" else await _first(pieces)
                body = _rest(file, first, pieces, identity(scope))
                rest = StreamingResponse(body, headers=headers(file), media_type=BYTES)
                await rest(scope, receive, send)


def headers(file: File) -> dict[str, str]:
    """A browser is to store it, and to show nothing of it."""
    return {
        "content-length": str(file.bytes),
        "content-disposition": f'attachment; filename="{file.id}.jsonl"',
        "x-content-type-options": "nosniff",
    }


async def _first(pieces: AsyncGenerator[bytes, None]) -> bytes:
    try:
        with store_problems():
            return await anext(pieces, b"")
    except FileNotFoundError:  # deleted since it was looked up
        raise Problem("not_found", UNKNOWN) from None


async def _rest(file: File, first: bytes, pieces: AsyncIterator[bytes], who: Mapping[str, str]) -> AsyncIterator[bytes]:
    if not first:
        return
    yield first
    try:
        async for piece in pieces:
            yield piece
    except StoreError as error:
        log.warning("download broken off", **who, file=file.id[:17], why=str(error))
        raise ClientGone from error  # its connection ends before the length that was promised
