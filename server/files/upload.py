"""A file on its way in: streamed from its client into the store, in bounded memory, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from starlette.types import Receive, Scope

from server.callers.owners import owner_of
from server.errors import ClientGone, Problem
from server.files.files import File, Files
from server.files.form import BESIDES, Form, too_large
from server.files.problems import store_problems
from server.http.at_once import AtOnce
from server.http.bodies import require_plain

MOST = 4  # uploads of one front end; each has two parts of object storage in memory
SILENCE = 60.0  # seconds that a client may send nothing
LONGEST = 3_600.0  # seconds that an upload may take
TOO_SLOW = "The file did not arrive in time: more than a minute without a byte, or more than an hour."
TOO_MANY = "Too many files are on their way to this front end at the moment."


class Uploads:
    """All of one front end."""

    def __init__(self, files: Files, max_bytes: int, clock: Callable[[], float]) -> None:
        self._files = files
        self._max_bytes = max_bytes
        self._clock = clock
        self._running = AtOnce(MOST, TOO_MANY)

    async def take(self, scope: Scope, receive: Receive) -> File:
        """The file of this request. Raises `Problem` as soon as it is clear that there will be none; `ClientGone`."""
        headers = scope["context"].headers
        require_plain(scope["headers"])
        form = Form(headers.get(b"content-type", b""))
        self._refuse_large(headers.get(b"content-length", b""))
        with self._running.one(), store_problems():
            async with aclosing(form.file(self._arriving(receive), self._max_bytes)) as chunks:
                id = self._files.new_id()
                size = await self._files.write(id, chunks)
            owner = owner_of(scope["context"].caller)
            return await self._files.register(id, size, form.filename, form.purpose, form.kept, owner)

    def _refuse_large(self, declared: bytes) -> None:
        """By what it says of its length, before it is read."""
        if declared.isdigit() and int(declared[:16]) > self._max_bytes + BESIDES:
            raise too_large(self._max_bytes)

    async def _arriving(self, receive: Receive) -> AsyncIterator[bytes]:
        """The body as it comes."""
        ends, more = self._clock() + LONGEST, True
        while more:
            try:
                async with asyncio.timeout(SILENCE):
                    message = await receive()
            except TimeoutError:
                raise Problem("request_timeout", TOO_SLOW) from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            if self._clock() > ends:
                raise Problem("request_timeout", TOO_SLOW)
            more = message.get("more_body", False)
            yield message.get("body", b"")
