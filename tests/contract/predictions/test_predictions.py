"""A prediction is stored, run, ended once, fetched by anybody and forgotten."""

from __future__ import annotations

import pytest

from broker.predictions.contract import OVERHEAD, Creation, State
from tests.contract.predictions.orders import OTHER, ROOM, created, ending, order, ordered, state_of
from tests.contract.worlds import FRONT_END, LONG, SHORT, World

pytestmark = pytest.mark.anyio


async def test_any_front_end_reads_what_another_has_created(world: World) -> None:
    id = await created(await world.predictions(), request=b"asked", records=3)

    found = (await (await world.predictions(OTHER)).read([id, "unknown"]))[id]

    assert (found.state, found.owner, found.request) == (State.QUEUED, FRONT_END, b"asked")
    assert (found.records, found.done, found.started, found.finished) == (3, 0, None, None)
    assert found.size == OVERHEAD + len(b"asked") + len(b"text")
    assert found.created <= found.now < found.deadline == pytest.approx(found.created + LONG, abs=0.01)


async def test_one_may_run_from_its_creation_on(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, runs=True)

    found = (await broker.read([id]))[id]

    assert (found.state, found.started) == (State.RUNNING, found.created)
    assert await broker.begin(id, FRONT_END) == b"text"


async def test_creating_again_creates_nothing_new(world: World) -> None:
    broker, asked = await world.predictions(), order()

    first, again = [await broker.create(asked, ROOM) for _ in range(2)]

    assert (first, first.outcome) == (again, Creation.CREATED)
    assert (await broker.beat(FRONT_END, [], 0)).open == 1


async def test_whoever_holds_it_gets_its_body_and_nobody_else(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, body=b"the text")

    assert await broker.begin(id, OTHER) is None
    assert await broker.begin("unknown", FRONT_END) is None
    assert await broker.begin(id, FRONT_END) == b"the text"
    assert await state_of(broker, id) is State.RUNNING


async def test_one_that_begins_twice_has_one_beginning(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker)
    await broker.begin(id, FRONT_END)
    started = (await broker.read([id]))[id].started
    await world.pass_time(SHORT)

    await broker.begin(id, FRONT_END)

    assert (await broker.read([id]))[id].started == started


async def test_a_result_is_fetched_by_any_front_end(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, records=3)

    counts = await broker.finish(ending(id, result=b"answer", done=2, failed=1))

    assert counts
    other = await world.predictions(OTHER)
    found = (await other.read([id]))[id]
    assert (found.state, found.done, found.failed) == (State.SUCCEEDED, 2, 1)
    assert await other.result(id, found.owner) == b"answer"


async def test_an_ending_that_is_told_again_counts_still(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker)
    await broker.finish(ending(id, result=b"answer"))

    assert await broker.finish(ending(id, result=b"answer"))
    assert await broker.result(id, FRONT_END) == b"answer"


async def test_the_first_result_counts_whoever_brings_it(world: World) -> None:
    slow, quick = await world.predictions(lease=SHORT), await world.predictions(OTHER)
    id = await created(slow)
    await world.pass_time(2 * SHORT)
    await quick.beat(OTHER, [], 1)

    assert await slow.finish(ending(id, result=b"first"))
    assert not await quick.finish(ending(id, owner=OTHER, result=b"second"))

    found = (await quick.read([id]))[id]
    assert await quick.result(id, found.owner) == b"first"
    assert await quick.result(id, OTHER) is None


async def test_a_failure_of_one_that_lost_its_lease_changes_nothing(world: World) -> None:
    slow, quick = await world.predictions(lease=SHORT), await world.predictions(OTHER)
    id = await created(slow)
    await world.pass_time(2 * SHORT)
    await quick.beat(OTHER, [], 1)

    assert not await slow.finish(ending(id, state=State.FAILED, result=b"no"))

    assert await state_of(quick, id) is State.QUEUED
    assert await quick.begin(id, OTHER) == b"text"


async def test_an_open_one_that_is_removed_is_canceled_and_a_late_result_lost(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker)

    assert await broker.remove(id) is State.QUEUED
    assert not await broker.finish(ending(id))

    assert await state_of(broker, id) is State.CANCELED
    assert await broker.result(id, FRONT_END) is None
    assert await broker.begin(id, FRONT_END) is None
    assert (await broker.beat(FRONT_END, [id], 9)).lost == [id]


async def test_an_ended_one_that_is_removed_is_forgotten(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker)
    await broker.finish(ending(id))

    assert await broker.remove(id) is State.SUCCEEDED

    assert await broker.read([id]) == {}
    assert await broker.result(id, FRONT_END) is None
    assert await broker.remove(id) is None


async def test_a_result_is_forgotten_when_its_time_is_over(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker)
    await broker.finish(ending(id, keep=SHORT))

    await world.pass_time(2 * SHORT)

    assert await broker.read([id]) == {}


async def test_what_is_too_much_together_is_refused_until_something_is_forgotten(world: World) -> None:
    broker, size = await world.predictions(), 10_000
    most = 2 * (size + OVERHEAD + len(order().request))
    first, _ = [await created(broker, most, body=b"x" * size) for _ in range(2)]

    refused = await ordered(broker, most, body=b"x" * size)

    assert refused.outcome is Creation.FULL
    assert 0.0 < refused.wait <= 2 * LONG
    for _ in ("canceled", "forgotten"):
        await broker.remove(first)
    assert (await ordered(broker, most, body=b"x" * size)).outcome is Creation.CREATED


async def test_what_has_expired_takes_no_room(world: World) -> None:
    broker, most = await world.predictions(), 2 * OVERHEAD
    await created(broker, most, time_left=SHORT, keep=0.001)
    assert (await ordered(broker, most)).outcome is Creation.FULL

    await world.pass_time(3 * SHORT)

    assert (await ordered(broker, most)).outcome is Creation.CREATED


async def test_a_result_counts_in_place_of_its_body(world: World) -> None:
    broker, most = await world.predictions(), 10_000 + 2 * OVERHEAD + 100
    id = await created(broker, most, body=b"x" * 9_000)
    assert (await ordered(broker, most, body=b"x" * 9_000)).outcome is Creation.FULL

    await broker.finish(ending(id, result=b"short"))

    assert (await ordered(broker, most, body=b"x" * 9_000)).outcome is Creation.CREATED


async def test_an_equal_order_with_the_same_key_is_the_same_prediction(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, key="k", fingerprint="one")

    again, other = [await ordered(broker, key="k", fingerprint=mark) for mark in ("one", "two")]

    assert (again.outcome, again.id) == (Creation.REPLAYED, id)
    assert other.outcome is Creation.MISMATCH
    assert (await broker.beat(FRONT_END, [], 0)).open == 1


async def test_a_key_whose_prediction_was_forgotten_is_free(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, key="k", fingerprint="one")
    await broker.finish(ending(id))
    await broker.remove(id)

    assert (await ordered(broker, key="k", fingerprint="two")).outcome is Creation.CREATED


async def test_a_broker_that_came_back_empty_has_another_epoch_and_no_prediction(world: World) -> None:
    broker = await world.predictions()
    await world.look()
    id, before = await created(broker), await broker.epoch()

    world.lose_everything()
    await world.look()

    assert await broker.read([id]) == {}
    assert await broker.epoch() != before
