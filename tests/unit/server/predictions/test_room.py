"""Bodies of predictions that run have a bound in bytes together; one alone always has room."""

from __future__ import annotations

import asyncio

import pytest

from server.predictions.room import BodyRoom

pytestmark = pytest.mark.anyio


async def test_a_body_beyond_the_bound_waits_until_another_has_gone():
    room = BodyRoom(10)
    first = room.of(8)

    async def second() -> int:
        async with room.of(3):
            return room.held

    async with first:
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        assert (waiting.done(), room.fits(3), room.fits(2)) == (False, False, False)

    assert await waiting == 3
    assert room.held == 0


async def test_one_that_is_larger_than_the_bound_has_room_alone():
    room = BodyRoom(10)

    async with room.of(100):
        assert not room.fits(1)

    assert room.fits(100)


async def test_one_that_is_given_up_while_it_waits_holds_nothing():
    room = BodyRoom(10)

    async def late() -> None:
        async with room.of(5):
            raise AssertionError

    async with room.of(8):
        waiting = asyncio.create_task(late())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert (waiting.cancelled(), room.held) == (True, 8)

    assert room.held == 0


async def test_a_large_one_is_not_overtaken_by_small_ones():
    room, order = BodyRoom(10), []

    async def run(size: int) -> None:
        async with room.of(size):
            order.append(size)

    async with room.of(6):
        waiting = [asyncio.create_task(run(size)) for size in (9, 1, 2)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert order == []

    await asyncio.gather(*waiting)
    assert order == [9, 1, 2]
