"""Shares on a real server that make no sense: front ends go on without them, and people are told."""

from __future__ import annotations

import pytest
import structlog

from broker.admin.redis import RedisAdmin
from tests.contract.fleet.test_traffic import TENTH
from tests.contract.worlds import RedisWorld, card

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]


async def test_a_traffic_key_that_is_none_costs_the_shares_alone(world: RedisWorld) -> None:
    world.heart().announce(card(), {})
    front_end = await world.front_end()
    world.server.sadd(world.keys.traffic, b"x")

    await front_end.restore_traffic("toy", TENTH)
    fleet = await front_end.look()

    assert (fleet.known_names, dict(fleet.traffic)) == ({"toy"}, {})


async def test_shares_that_make_no_sense_cost_their_model_alone_and_people_are_told(
    world: RedisWorld, admin: RedisAdmin
) -> None:
    admin.share_out("toy", TENTH)
    world.server.hset(world.keys.traffic, mapping={b"a": b"{", b"b": b"\xff", b"c": b'{"spans":[{"parts":7}]}'})

    with structlog.testing.capture_logs() as lines:
        seen = await (await world.front_end()).look()

    assert dict(seen.traffic) == {"toy": TENTH}
    assert lines and all("jitney traffic" in line["remedy"] for line in lines)
    overview = admin.overview()
    assert (dict(overview.traffic), overview.bad_traffic.keys()) == ({"toy": TENTH}, {"a", "b", "c"})
