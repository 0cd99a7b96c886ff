"""Somebody is told of a prediction's end: whoever takes that up has it for a while, and nothing is due for ever."""

from __future__ import annotations

from typing import Any

import pytest

from broker.predictions.contract import Hook, PredictionBroker
from tests.contract.predictions.orders import OTHER, created, ending, tried
from tests.contract.worlds import LONG, SHORT, World

pytestmark = pytest.mark.anyio


async def due(broker: PredictionBroker, most: int = 9) -> list[str]:
    return [hook.id for hook in await broker.take_hooks(most)]


async def ended(broker: PredictionBroker, **fields: Any) -> str:
    id = await created(broker, has_hook=True)
    assert await broker.finish(ending(id, **fields))
    return id


async def test_it_is_due_at_once_when_its_prediction_has_ended_and_not_before(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, has_hook=True)
    assert await broker.take_hooks(9) == []

    await broker.finish(ending(id))

    assert await broker.take_hooks(9) == [Hook(id=id, tries=1)]


async def test_nobody_is_told_of_one_that_asked_for_no_webhook(world: World) -> None:
    broker = await world.predictions()
    await broker.finish(ending(await created(broker)))

    assert await due(broker) == []


async def test_whoever_takes_it_has_it_for_itself(world: World) -> None:
    broker, other = await world.predictions(), await world.predictions(OTHER)
    id = await ended(broker)

    assert await due(broker) == [id]
    assert await due(other) == []


async def test_one_that_was_taken_and_not_settled_goes_to_another_with_one_try_more(world: World) -> None:
    broker, other = await world.predictions(), await world.predictions(OTHER)
    broker.hook_lease = SHORT  # type: ignore[attr-defined]  # both twins have it
    id = await ended(broker)
    await due(broker)
    await world.pass_time(2 * SHORT)

    assert await other.take_hooks(9) == [Hook(id=id, tries=2)]


async def test_one_that_is_delivered_is_never_due_again(world: World) -> None:
    broker = await world.predictions()
    broker.hook_lease = SHORT  # type: ignore[attr-defined]
    id = await ended(broker)
    await due(broker)

    await broker.settle_hook(id, None, tried())

    await world.pass_time(2 * SHORT)
    assert await due(broker) == []
    await broker.settle_hook(id, SHORT, tried())  # late, by somebody who had it before
    await broker.finish(ending(id))  # told again
    await world.pass_time(2 * SHORT)
    assert await due(broker) == []


async def test_one_that_is_put_off_is_due_when_its_time_has_come(world: World) -> None:
    broker = await world.predictions()
    soon, late = await ended(broker), await ended(broker)
    await due(broker)

    await broker.settle_hook(soon, SHORT, tried())
    await broker.settle_hook(late, LONG, tried())

    assert await due(broker) == []
    await world.pass_time(2 * SHORT)
    assert await due(broker) == [soon]


async def test_no_more_are_taken_than_there_is_room_for(world: World) -> None:
    broker = await world.predictions()
    ids = {await ended(broker) for _ in range(3)}

    taken = [await due(broker, most) for most in (0, 2, 2)]

    assert [len(some) for some in taken] == [0, 2, 1]
    assert {id for some in taken for id in some} == ids


async def test_it_is_due_for_one_that_was_canceled_too(world: World) -> None:
    broker = await world.predictions()
    id = await created(broker, has_hook=True)

    await broker.remove(id)

    assert await due(broker) == [id]


async def test_nobody_is_told_of_what_is_forgotten(world: World) -> None:
    broker = await world.predictions()
    removed, _ = await ended(broker), await ended(broker, keep=SHORT)

    await broker.remove(removed)
    await world.pass_time(2 * SHORT)

    assert await due(broker) == []
