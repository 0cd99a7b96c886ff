"""What records of a prediction have come to is kept in their order while it is open, whoever runs it."""

from __future__ import annotations

import pytest

from broker.predictions.contract import Creation, State
from tests.contract.predictions.orders import OTHER, created, ending, ordered
from tests.contract.worlds import FRONT_END, SHORT, World

pytestmark = pytest.mark.anyio


async def test_rows_stand_in_the_order_of_their_records(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, records=5)

    assert await broker.add_rows(id, FRONT_END, 0, [b"a", b"b"], 1) == 2
    assert await broker.add_rows(id, FRONT_END, 2, [b"c"], 1) == 3

    other = await world.predictions(OTHER)
    assert list(await other.rows(id, 0, 9)) == [b"a", b"b", b"c"]
    assert list(await other.rows(id, 1, 1)) == [b"b"]
    assert (list(await other.rows(id, 3, 9)), list(await other.rows(id, 0, 0))) == ([], [])
    assert list(await other.rows("unknown", 0, 9)) == []


async def test_how_many_are_done_and_have_failed_is_known_meanwhile(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, records=5)

    await broker.add_rows(id, FRONT_END, 0, [b"a", b"b", b"c"], 1)

    found = (await broker.read([id]))[id]
    assert (found.state, found.done, found.failed) == (State.QUEUED, 2, 1)


async def test_rows_that_are_brought_again_are_kept_once(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, records=5)
    await broker.add_rows(id, FRONT_END, 0, [b"a", b"b"], 0)

    again = [
        await broker.add_rows(id, FRONT_END, 0, rows, len(rows) - 2) for rows in ([b"a", b"b"], [b"a", b"b", b"c"])
    ]
    late = await broker.add_rows(id, FRONT_END, 0, [b"a"], 0)

    assert (again, late) == ([2, 3], 3)
    assert list(await broker.rows(id, 0, 9)) == [b"a", b"b", b"c"]
    found = (await broker.read([id]))[id]
    assert (found.done, found.failed) == (2, 1)


async def test_rows_that_would_leave_a_gap_are_not_taken(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, records=5)
    await broker.add_rows(id, FRONT_END, 0, [b"a"], 0)

    assert await broker.add_rows(id, FRONT_END, 2, [b"c"], 0) == 1
    assert list(await broker.rows(id, 0, 9)) == [b"a"]


async def test_whoever_holds_it_no_more_adds_no_row_and_the_next_goes_on(world: World) -> None:
    slow, quick = await world.predictions(lease=SHORT), await world.predictions(OTHER)
    id = await created(slow, records=5)
    await slow.add_rows(id, FRONT_END, 0, [b"a"], 0)
    await world.pass_time(2 * SHORT)
    await quick.beat(OTHER, [], 1)

    assert await slow.add_rows(id, FRONT_END, 1, [b"late"], 0) is None
    assert await quick.add_rows(id, OTHER, 1, [b"b"], 0) == 2
    assert list(await quick.rows(id, 0, 9)) == [b"a", b"b"]


@pytest.mark.parametrize("end", ["finish", "cancel", "never was"])
async def test_one_that_has_ended_has_no_rows_and_gets_none(world: World, end: str) -> None:
    broker = await world.predictions()
    id = "unknown" if end == "never was" else await created(broker, records=5)
    await broker.add_rows(id, FRONT_END, 0, [b"a"], 0)
    if end == "finish":
        await broker.finish(ending(id))
    if end == "cancel":
        await broker.remove(id)

    assert await broker.add_rows(id, FRONT_END, 0, [b"a"], 0) is None
    assert list(await broker.rows(id, 0, 9)) == []


async def test_rows_count_until_it_has_ended(world: World) -> None:
    broker, most = await world.predictions(), 10_000
    id = await created(broker, most, body=b"x" * 1_000)
    await broker.add_rows(id, FRONT_END, 0, [b"y" * 4_000, b"y" * 2_000], 0)
    size = (await broker.read([id]))[id].size

    assert size > 7_000
    assert (await ordered(broker, most, body=b"x" * 1_000)).outcome is Creation.FULL

    await broker.finish(ending(id))

    assert (await ordered(broker, most, body=b"x" * 1_000)).outcome is Creation.CREATED
