"""Shares of a model's requests: set by an operator, seen by all front ends, kept by those when the broker forgets."""

from __future__ import annotations

import pytest

from broker.messages import Span, Traffic
from tests.contract.worlds import World

pytestmark = pytest.mark.anyio
TENTH = Traffic(spans=(Span(parts=10_000, revision="r2"), Span(parts=90_000)))
HALF = Traffic(spans=(Span(parts=50_000, revision="r2"), Span(parts=50_000)), sticky="caller")


async def test_without_shares_there_are_none(world: World) -> None:
    assert dict((await world.look()).traffic) == {}


async def test_every_front_end_sees_what_an_operator_sets(world: World) -> None:
    one, other = await world.front_end(), await world.front_end("e" * 16)

    world.share_out("toy", TENTH)
    world.share_out("other", HALF)

    expected = {"toy": TENTH, "other": HALF}
    assert [dict((await front_end.look()).traffic) for front_end in (one, other)] == [expected] * 2


async def test_what_is_set_takes_the_place_of_what_was_and_goes_when_it_is_cleared(world: World) -> None:
    world.share_out("toy", TENTH)
    world.share_out("toy", HALF)

    before = dict((await world.look()).traffic)
    world.share_out("toy", None)

    assert (before, dict((await world.look()).traffic)) == ({"toy": HALF}, {})


async def test_a_broker_that_has_forgotten_keeps_shares_again(world: World) -> None:
    front_end = await world.front_end()
    world.share_out("toy", HALF)
    world.lose_everything()

    await front_end.restore_traffic("toy", HALF)

    assert dict((await front_end.look()).traffic) == {"toy": HALF}


async def test_shares_that_were_set_meanwhile_are_left_alone(world: World) -> None:
    front_end = await world.front_end()
    world.share_out("toy", TENTH)

    await front_end.restore_traffic("toy", HALF)

    assert dict((await front_end.look()).traffic) == {"toy": TENTH}
