"""Large predictions and file batches together have two rooms full of a lane out at once, and nobody is overtaken."""

from __future__ import annotations

import asyncio

import pytest

from broker.messages import Lane
from server.fleet.capacity import Capacity
from server.fleet.directory import Served
from server.predictions.lane_share import LaneShare
from tests.unit.server.stand_in import WordCodec, card

pytestmark = pytest.mark.anyio

CARD = card()
MODEL = Served(card=CARD, codec=WordCodec(CARD, {}), capacity=Capacity(room=4))
IN_TOKENS = Served(card=CARD, codec=WordCodec(CARD, {}), capacity=Capacity(room=4), token_capacity=Capacity(room=50))
UNMEASURED = Served(card=CARD, codec=WordCodec(CARD, {}), room=3)


class Lanes:
    """Portions that were asked for, in their order, each a task that stays out until it is told to end."""

    def __init__(self) -> None:
        self.share = LaneShare()
        self.went: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._over: dict[str, asyncio.Event] = {}

    async def ask(self, name, jobs, tokens=0, served=MODEL, lane=Lane.BULK) -> None:
        self._over[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._stay(name, served, lane, jobs, tokens))
        await self.settled()

    async def end(self, name) -> None:
        self._over[name].set()
        await self.tasks[name]
        await self.settled()

    async def settled(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    async def _stay(self, name, served, lane, jobs, tokens) -> None:
        async with self.share.of(served, lane, jobs, tokens):
            self.went.append(name)
            await self._over[name].wait()


@pytest.fixture
async def lanes():
    lanes = Lanes()
    yield lanes
    for task in lanes.tasks.values():
        task.cancel()
    await asyncio.gather(*lanes.tasks.values(), return_exceptions=True)


async def test_two_rooms_full_are_out_at_once_and_no_more(lanes):
    for name in "abc":
        await lanes.ask(name, 4)

    assert (lanes.went, lanes.share.out(CARD.name, Lane.BULK)) == (["a", "b"], 8)

    await lanes.end("b")

    assert (lanes.went, lanes.share.out(CARD.name, Lane.BULK)) == (["a", "b", "c"], 8)


async def test_tokens_have_a_bound_too_where_batchers_have_one(lanes):
    for name in "ab":
        await lanes.ask(name, 1, 60, IN_TOKENS)

    assert lanes.went == ["a"]


async def test_batchers_that_were_not_measured_yet_have_the_room_that_they_say(lanes):
    for name in "abc":
        await lanes.ask(name, 3, 1_000, UNMEASURED)

    assert lanes.went == ["a", "b"]


async def test_one_that_is_alone_always_goes(lanes):
    await lanes.ask("a", 1_000, 1_000_000, IN_TOKENS)

    assert lanes.went == ["a"]


async def test_a_small_one_does_not_overtake_one_that_waits(lanes):
    await lanes.ask("a", 5)
    await lanes.ask("large", 4)
    await lanes.ask("small", 1)

    assert lanes.went == ["a"]

    await lanes.end("a")

    assert lanes.went == ["a", "large", "small"]


async def test_each_lane_and_model_has_its_own_share(lanes):
    other = card("other")
    await lanes.ask("bulk", 8)
    await lanes.ask("interactive", 8, lane=Lane.INTERACTIVE)
    await lanes.ask("other", 8, served=Served(card=other, codec=WordCodec(other, {}), capacity=Capacity(room=4)))

    assert lanes.went == ["bulk", "interactive", "other"]


async def test_one_that_is_given_up_while_it_waits_holds_up_nobody(lanes):
    await lanes.ask("a", 5)
    await lanes.ask("large", 8)
    await lanes.ask("small", 1)

    lanes.tasks["large"].cancel()
    await lanes.settled()

    assert lanes.went == ["a", "small"]


async def test_one_that_is_given_up_as_its_turn_comes_holds_nothing(lanes):
    await lanes.ask("a", 8)
    await lanes.ask("b", 8)
    await lanes.ask("c", 8)

    lanes._over["a"].set()
    lanes.tasks["b"].cancel()
    await lanes.settled()

    assert (lanes.went, lanes.share.out(CARD.name, Lane.BULK)) == (["a", "c"], 8)


async def test_nothing_is_left_once_all_have_ended(lanes):
    await lanes.ask("a", 8)
    await lanes.ask("b", 8)

    await lanes.end("a")
    await lanes.end("b")

    assert (lanes.share.out(CARD.name, Lane.BULK), lanes.share._lanes) == (0, {})
