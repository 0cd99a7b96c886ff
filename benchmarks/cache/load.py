"""Requests of one record, so many % of them for a text that was asked before."""

from __future__ import annotations

import random
from itertools import count

from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient
from benchmarks.lib.loops import Answer, Call, Sender
from benchmarks.lib.workload import drawn

WORDS = 12.0  # of a text, on average
ASKED, OTHERS = drawn(WORDS, 1, 200), drawn(WORDS, 2)
NUMBERS = count()  # one for each text that is sent once
LIMIT = 60.0  # seconds of a request


class NotMeasured(Exception):
    """A front end did not answer as it should; the message says what it said."""


class Load:
    """On one front end; `hits` are the answers of which it said that its cache gave them."""

    def __init__(self, url: str, share: int, languages: tuple[str, str] | None) -> None:
        self.share, self.hits = share, 0
        self._url, self._languages, self._draw = url, languages, random.Random(share)

    async def ask_before(self) -> None:
        """Each of the texts that come again, once."""
        with HttpClient(self._url) as client:
            for text in ASKED:
                await self._post(client, text)
        self.hits = 0

    async def run(self, clients: int, seconds: float) -> list[Call]:
        """So many clients that ask again as soon as they are answered. Raises `NotMeasured`."""
        with HttpClient(self._url) as client:

            async def send(number: int, time_left: float) -> Answer:
                return await self._post(client, self._text())

            sender = Sender(send=send, timeout=LIMIT)
            try:
                await sender.closed(clients, seconds)
            except BaseExceptionGroup as group:
                raise _first(group) from None
        return sender.calls

    def _text(self) -> str:
        if self._draw.random() * 100 < self.share:
            return self._draw.choice(ASKED)
        number = next(NUMBERS)
        return f"{OTHERS[number % len(OTHERS)]} {number}"

    async def _post(self, client: HttpClient, text: str) -> Answer:
        reply = await client.send(client.request("", envelope([text], self._languages)))
        if reply.status != 200:
            raise NotMeasured(f"answered {reply.status}: {reply.body[:300].decode(errors='replace')}")
        self.hits += b"; hit" in reply.header(b"cache-status")
        return Answer(str(reply.status))


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
