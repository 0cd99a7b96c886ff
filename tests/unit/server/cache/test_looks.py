"""Who looks is gathered for the next trip, in order, and never more than one trip may carry."""

from __future__ import annotations

import asyncio

import pytest

from server.cache.looks import MOST_DIGESTS, Look, Looks

pytestmark = pytest.mark.anyio


def look(looks: Looks, count: int, first: bytes = b"") -> list[Look]:
    digests = [first, *(b"%d" % number for number in range(1, count))]
    return looks.add(digests, asyncio.get_running_loop())


async def test_all_that_fit_go_together_and_the_others_later_in_their_order() -> None:
    looks = Looks()
    for count, first in ((MOST_DIGESTS - 1, b"a"), (1, b"b"), (1, b"c"), (MOST_DIGESTS, b"d")):
        look(looks, count, first)

    trips = [[one.digests[0] for one in looks.take()] for _ in range(4)]

    assert trips == [[b"a", b"b"], [b"c"], [b"d"], []]


async def test_more_than_a_trip_may_carry_are_several_looks() -> None:
    looks = Looks()

    made = look(looks, 2 * MOST_DIGESTS + 1)

    assert [len(one.digests) for one in made] == [MOST_DIGESTS, MOST_DIGESTS, 1]


async def test_who_has_gone_takes_no_room() -> None:
    looks = Looks()
    [gone], [_] = look(looks, MOST_DIGESTS), look(looks, 1, b"stays")
    gone.found.cancel()

    assert [one.digests for one in looks.take()] == [[b"stays"]]


async def test_who_is_given_up_has_found_nothing_and_is_given_up_once() -> None:
    [one] = look(Looks(), 3)

    assert (one.give_up(), one.give_up()) == (3, 0)
    assert await one.found == [None, None, None]
    one.answer([b"too", b"late", b""])
    assert await one.found == [None, None, None]
