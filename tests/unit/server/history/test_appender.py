"""The task that brings rows: bounded, and nothing is lost that has room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from broker.errors import BrokerError, BrokerUnavailable
from broker.history.contract import MOST_BLOCK_BYTES, MOST_BLOCKS
from broker.history.rows import HistoryRow, row_to_bytes, rows_of
from broker.memory import MemoryFrontEnd, MemoryStore
from server.history import appender as module
from server.history.appender import Appender
from server.history.ring import OVERHEAD, Ring

pytestmark = pytest.mark.anyio


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not holds():
            await asyncio.sleep(0.001)


def row(number: int, text: str = "") -> bytes:
    return row_to_bytes(HistoryRow(at=number, id=number.to_bytes(16), input=text))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATHER", "NO_ROOM_PAUSE", "REFUSED_PAUSE", "ENDING_PAUSE"):
        monkeypatch.setattr(module, name, 0.001)


@pytest.fixture
def store(clock: Any) -> MemoryStore:
    return MemoryStore(clock)


@asynccontextmanager
async def running(appender: Appender, store: MemoryStore) -> AsyncIterator[asyncio.Task[None]]:
    appender.rests = False
    task = asyncio.create_task(appender.run(MemoryFrontEnd(store, "f" * 16)))
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError, BrokerError):
        await task


def brought(store: MemoryStore) -> list[int]:
    return [row.at for block in store.history for row in rows_of(block)]


def fill(appender: Appender, numbers: Sequence[int], text: str = "") -> None:
    for number in numbers:
        appender.add(row(number, text))


async def test_a_row_that_fits_into_no_block_is_lost_and_holds_up_nobody(store: MemoryStore) -> None:
    appender = Appender()
    fill(appender, [1], "x" * MOST_BLOCK_BYTES)
    fill(appender, [2])

    async with running(appender, store):
        await eventually(lambda: brought(store) == [2])

    assert appender.fates["dropped", "unreadable"] == 1


async def test_what_has_gathered_goes_in_one_block(store: MemoryStore) -> None:
    appender = Appender()
    fill(appender, range(5))

    async with running(appender, store):
        await eventually(lambda: not appender.ring)

    assert len(store.history) == 1
    assert brought(store) == [*range(5)]
    assert appender.fates == {("appended", ""): 5}


async def test_no_block_is_larger_than_the_broker_takes(store: MemoryStore) -> None:
    appender = Appender()
    fill(appender, range(100), "x" * 8_192)

    async with running(appender, store):
        await eventually(lambda: not appender.ring)

    assert brought(store) == [*range(100)]
    assert max(map(len, store.history)) <= MOST_BLOCK_BYTES


async def test_a_full_ring_drops_what_comes_and_the_broker_is_told_how_many(store: MemoryStore) -> None:
    appender = Appender(Ring(3 * (len(row(0)) + OVERHEAD)))
    fill(appender, range(5))

    async with running(appender, store):
        await eventually(lambda: not appender.ring)
        fill(appender, [7])
        await eventually(lambda: not appender.ring)

    assert brought(store) == [0, 1, 2, 7]
    assert store.history_state["dropped"] == 2
    assert appender.fates["dropped", "broker_away"] + appender.fates["dropped", "behind"] == 2


async def test_what_the_list_has_no_room_for_waits(store: MemoryStore) -> None:
    appender = Appender()
    store.history.extend([b"x"] * MOST_BLOCKS)
    fill(appender, range(3))

    async with running(appender, store):
        await asyncio.sleep(0.05)
        assert len(appender.ring) == 3
        store.history.clear()
        await eventually(lambda: not appender.ring)

    assert brought(store) == [0, 1, 2]


async def test_a_broker_that_is_away_costs_nothing_that_has_room(store: MemoryStore) -> None:
    appender = Appender()
    fill(appender, range(3))
    store.fault = BrokerUnavailable("away")

    async with running(appender, store) as task:
        with pytest.raises(BrokerUnavailable):
            await task
    store.fault = None
    async with running(appender, store):
        await eventually(lambda: not appender.ring)

    assert brought(store) == [0, 1, 2]


async def test_a_command_that_the_broker_refuses_is_tried_again(store: MemoryStore) -> None:
    appender = Appender()
    fill(appender, range(3))
    store.fault = BrokerError("this user may not")

    async with running(appender, store):
        await asyncio.sleep(0.05)
        store.fault = None
        await eventually(lambda: not appender.ring)

    assert brought(store) == [0, 1, 2]


async def test_at_the_end_what_is_left_goes_at_once_or_is_counted(store: MemoryStore, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "GATHER", 60.0)
    appender, cut_off = Appender(), Appender()
    fill(appender, range(3))
    fill(cut_off, range(2))

    async with running(appender, store):
        await asyncio.sleep(0.01)
        await appender.hand_over()
    await cut_off.hand_over()

    assert brought(store) == [0, 1, 2]
    assert cut_off.fates == {("dropped", "ending"): 2}
