"""Rows in flight: in order, bounded, and what is left when it ends early."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

import pytest

from jitney.batch.contract import MALFORMED, Answer, Item, Row, Stopped
from jitney.batch.window import Bounds, Window
from tests.unit.jitney.batch.kit import run, texts

BOUNDS = Bounds(rows=8, bytes=1000, request_rows=2, request_bytes=100)


class Server:
    """Answers each request when the test says so."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self._answers: list[asyncio.Future[list[Answer]]] = []

    async def ask(self, rows: Sequence[Row]) -> list[Answer]:
        if not rows:
            return []
        self.asked.append([row.number for row in rows])
        self._answers.append(asyncio.get_running_loop().create_future())
        return await self._answers[-1]

    def answer(self, request: int, size: int = 0) -> None:
        self._answers[request].set_result([Answer(fields={"n": number}, size=size) for number in self.asked[request]])

    def fail(self, request: int) -> None:
        self._answers[request].set_exception(Stopped(3, "no"))


class Out:
    def __init__(self) -> None:
        self.rows: list[int] = []
        self.answers: list[Answer | None] = []

    def __call__(self, items: Sequence[Item], answers: Sequence[Answer | None]) -> None:
        self.rows += [item.row.number for item in items]
        self.answers += answers


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def items(count: int) -> Iterator[Item]:
    return iter([Item(row=row) for row in texts(count)])


def begun(server: Server, out: Callable[..., None], items: Iterator[Item]) -> asyncio.Task[None]:
    return asyncio.create_task(Window(items, server.ask, out, BOUNDS).run())


def test_rows_are_written_in_their_order_whatever_is_answered_first() -> None:
    async def work() -> Out:
        server, out = Server(), Out()
        task = begun(server, out, items(6))
        await settle()
        for request in (2, 1):
            server.answer(request)
        await settle()
        assert out.rows == []
        server.answer(0)
        await task
        return out

    out = run(work())

    assert out.rows == [1, 2, 3, 4, 5, 6]
    assert [answer.fields["n"] for answer in out.answers if answer] == out.rows


def test_behind_a_slow_row_no_more_than_the_window_is_begun() -> None:
    async def work() -> None:
        server, out = Server(), Out()
        task = begun(server, out, items(100))
        await settle()
        for request in (1, 2, 3):
            server.answer(request)
        await settle()
        assert server.asked == [[1, 2], [3, 4], [5, 6], [7, 8]]
        server.answer(0)
        await settle()
        assert (out.rows[-1], server.asked[-1]) == (8, [15, 16])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work())


def test_large_rows_fill_the_window_by_their_bytes() -> None:
    large = [Item(row=Row(number=number, id=number, text="x", size=450)) for number in range(1, 5)]

    async def work() -> None:
        server, out = Server(), Out()
        task = begun(server, out, iter(large))
        await settle()
        assert server.asked == [[1], [2]]
        server.answer(0)
        await settle()
        assert server.asked == [[1], [2], [3]]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work())


def test_stopped_while_the_server_refuses_it_is_stopped() -> None:
    async def work() -> None:
        server = Server()
        task = begun(server, Out(), items(2))
        await settle()
        server.fail(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work())


def test_ended_early_it_has_written_what_was_answered_in_order_and_nothing_behind_a_gap() -> None:
    async def work() -> Out:
        server, out = Server(), Out()
        task = begun(server, out, items(8))
        await settle()
        for request in (0, 1, 3):
            server.answer(request)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return out

    assert run(work()).rows == [1, 2, 3, 4]


def test_a_server_that_refuses_for_good_ends_it_behind_what_was_answered() -> None:
    async def work() -> Out:
        server, out = Server(), Out()
        task = begun(server, out, items(8))
        await settle()
        server.answer(0)
        server.fail(1)
        with pytest.raises(Stopped):
            await task
        return out

    assert run(work()).rows == [1, 2]


def test_after_a_write_that_failed_nothing_is_written() -> None:
    written: list[int] = []

    def full(items: Sequence[Item], answers: Sequence[Answer | None]) -> None:
        written.append(items[0].row.number)
        raise OSError("no space left")

    async def work() -> None:
        server = Server()
        task = begun(server, full, items(8))
        await settle()
        for request in range(4):
            server.answer(request)
        with pytest.raises(OSError, match="no space"):
            await task

    run(work())

    assert written == [1]


def test_what_is_known_or_cannot_be_sent_is_not_asked() -> None:
    kept = Item(row=Row(number=1, id=1, text="x"), kept=b"as it was\n")
    bad = Item(row=Row(number=2, id=2, text="", complaint="line 2 is not JSON"))

    async def work() -> tuple[Server, Out]:
        server, out = Server(), Out()
        await Window(iter([kept, bad]), server.ask, out, BOUNDS).run()
        return server, out

    server, out = run(work())

    assert server.asked == []
    assert out.answers == [None, Answer(error={"code": MALFORMED, "message": "line 2 is not JSON"})]


def test_requests_are_bounded_in_rows_and_in_bytes_and_a_large_row_goes_alone() -> None:
    sizes = [10, 10, 10, 60, 60, 500, 10]
    rows = (Item(row=Row(number=at, id=at, text="", size=size)) for at, size in enumerate(sizes))

    asked: list[list[int]] = []

    async def answer(rows: Sequence[Row]) -> list[Answer]:
        asked.append([row.size for row in rows])
        return [Answer()] * len(rows)

    run(Window(rows, answer, Out(), BOUNDS).run())

    assert asked == [[10, 10], [10, 60], [60], [500], [10]]


@pytest.mark.parametrize("count", [2_000, 20_000])
def test_memory_stays_flat_however_many_rows_there_are(count: int) -> None:
    def endless() -> Iterator[Item]:
        return (Item(row=Row(number=at, id=at, text="x" * 1000 + str(at), size=1000)) for at in range(count))

    async def answer(rows: Sequence[Row]) -> list[Answer]:
        return [Answer(fields={"text": row.text + "!"}) for row in rows]

    written: list[int] = []
    tracemalloc.start()
    try:
        run(Window(endless(), answer, lambda items, _: written.append(len(items)), Bounds()).run())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sum(written) == count
    assert peak < 2_000_000  # the rows have 20 MB, the window 256 of them


def test_large_answers_fill_the_window_and_until_one_is_known_they_are_thought_large() -> None:
    bounds = Bounds(rows=8, bytes=1000, request_rows=1, answer_bytes=300)

    async def work() -> list[int]:
        server, out, begun = Server(), Out(), []
        task = asyncio.create_task(Window(items(100), server.ask, out, bounds).run())
        for request, size in enumerate([100, 100, 600, 100]):
            await settle()
            begun.append(len(server.asked) - request)
            server.answer(request, size)
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return begun

    assert run(work()) == [3, 8, 8, 7]
