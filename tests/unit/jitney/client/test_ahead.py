"""Texts that come slowly: each answer is there before the next text, and nobody's loop or memory suffers."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

import httpx2
import pytest

from jitney.client import AsyncJitney, Jitney, ReadAhead
from jitney.client.sending.ahead import MOST
from tests.conftest import FakeClock
from tests.unit.jitney.client.scripted import Scripted

LIMIT = 10.0  # seconds


class Typed:
    """A text comes when it is typed; None is the end."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.type = self._lines.put

    def __iter__(self) -> Iterator[str]:
        while (line := self._lines.get(timeout=LIMIT)) is not None:
            yield line


def client(server: Scripted) -> Jitney:
    return Jitney("http://jitney.test", http=httpx2.Client(transport=httpx2.MockTransport(server)))


def async_client(server: Scripted) -> AsyncJitney:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(server.awaited))
    return AsyncJitney("http://jitney.test", http=http)


def test_each_answer_is_there_before_the_next_text(clock: FakeClock) -> None:
    typed = Typed()

    with client(Scripted(clock)) as mine:
        answers = mine.translate_many(ReadAhead(typed), to="fr")
        for text in ("one", "two", "three"):
            typed.type(text)
            assert next(answers).text == text.upper()
        typed.type(None)
        assert list(answers) == []


def test_an_iterable_that_is_tied_to_its_thread_is_read_by_its_thread(clock: FakeClock) -> None:
    by: set[threading.Thread] = set()
    texts = (by.add(threading.current_thread()) or "a" for _ in range(100))

    with client(Scripted(clock)) as mine:
        assert len(list(mine.translate_many(texts, to="fr"))) == 100

    assert by == {threading.current_thread()}


def test_what_the_texts_raise_is_raised_behind_all_answers(clock: FakeClock) -> None:
    def texts() -> Iterator[str]:
        yield "one"
        raise OSError("unplugged")

    with client(Scripted(clock)) as mine:
        answers = mine.translate_many(ReadAhead(texts()), to="fr")
        assert next(answers).text == "ONE"
        with pytest.raises(OSError, match="unplugged"):
            next(answers)


def test_no_more_is_read_than_is_asked_for_soon_and_no_thread_stays(clock: FakeClock) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "a"

    with client(Scripted(clock)) as mine:
        answers = mine.translate_many(ReadAhead(endless()), to="fr", window=8, per_request=2)
        next(answers)
        before = read
        answers.close()  # type: ignore[attr-defined]

    assert before <= MOST + 16
    ends_at = time.monotonic() + LIMIT
    while any(thread.name == "jitney" for thread in threading.enumerate()):
        assert time.monotonic() < ends_at
        time.sleep(0.001)


@pytest.mark.anyio
async def test_asyncio_has_each_answer_before_the_next_text(clock: FakeClock) -> None:
    typed: asyncio.Queue[str] = asyncio.Queue()

    async def texts() -> AsyncIterator[str]:
        while line := await typed.get():
            yield line

    async with async_client(Scripted(clock)) as mine, asyncio.timeout(LIMIT):
        answers = mine.translate_many(texts(), to="fr")
        for text in ("one", "two", "three"):
            typed.put_nowait(text)
            assert (await anext(answers)).text == text.upper()
        typed.put_nowait("")
        assert [answer async for answer in answers] == []


@pytest.mark.anyio
async def test_an_iterable_that_waits_does_not_block_the_loop(clock: FakeClock) -> None:
    typed = Typed()

    async with async_client(Scripted(clock)) as mine, asyncio.timeout(LIMIT):
        answers = mine.translate_many(typed, to="fr")
        for text in ("one", "two"):
            next_answer = asyncio.ensure_future(anext(answers))
            await asyncio.sleep(0.01)  # the loop goes on, though there is no text
            typed.type(text)
            assert (await next_answer).text == text.upper()
        typed.type(None)
        assert [answer async for answer in answers] == []


@pytest.mark.anyio
async def test_the_thread_that_reads_for_asyncio_sees_the_callers_context(clock: FakeClock) -> None:
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")
    tenant.set("somebody")

    async with async_client(Scripted(clock)) as mine:
        answers = [answer.text async for answer in mine.translate_many((tenant.get() for _ in "12"), to="fr")]

    assert answers == ["SOMEBODY", "SOMEBODY"]


@pytest.mark.anyio
async def test_a_task_that_reads_texts_ends_with_who_asked_for_their_answers(clock: FakeClock) -> None:
    closed = asyncio.Event()

    async def texts() -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with async_client(Scripted(clock)) as mine, asyncio.timeout(LIMIT):
        answers = mine.translate_many(texts(), to="fr")
        await anext(answers)
        await answers.aclose()  # type: ignore[attr-defined]

    assert closed.is_set()


@pytest.mark.anyio
@pytest.mark.parametrize("count", [0, 1, 1000])
async def test_texts_that_come_at_once_go_in_full_requests_and_keep_their_order(clock: FakeClock, count: int) -> None:
    async def texts() -> AsyncIterator[str]:
        for at in range(count):
            yield f"text {at}"

    server = Scripted(clock)
    async with async_client(server) as mine:
        answers = [answer.text async for answer in mine.translate_many(texts(), to="fr")]

    assert answers == [f"TEXT {at}" for at in range(count)]
    assert len(server.asked) <= 2 + count / 20
