"""What front ends tell Prometheus of the broker is what operators see there: on real servers, as a front end's user."""

from __future__ import annotations

import pytest

from broker.admin.observer import Observer
from broker.admin.redis import RedisAdmin
from broker.admin.rights import Role
from broker.errors import BrokerError
from broker.messages import Lane
from tests.contract.users import url_as
from tests.contract.worlds import LIMITS, MODEL, RedisWorld, job

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["valkey", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def observer(world: RedisWorld) -> Observer:
    return Observer(url_as(Role.FRONT_END, world.url), world.namespace)


async def test_of_a_model_without_any_key_there_is_nothing(observer: Observer) -> None:
    seen = observer.observe([MODEL]).models[MODEL]

    assert {(lane.jobs, lane.tokens, lane.oldest_age) for lane in seen.lanes.values()} == {(0, 0, 0.0)}
    assert (seen.suspects, seen.claimed, seen.dead) == (0, 0, 0)


async def test_what_waits_is_what_operators_see(world: RedisWorld, observer: Observer, admin: RedisAdmin) -> None:
    await world.admit(job(cost=7), job(cost=5))
    await world.admit(job(cost=3), lane=Lane.BULK)
    await world.pass_time(0.05)

    seen = observer.observe([MODEL]).models[MODEL].lanes

    [model] = admin.overview().models
    told = {lane.lane: (lane.jobs, lane.tokens) for lane in model.lanes}
    assert {lane: (one.jobs, one.tokens) for lane, one in seen.items()} == told
    assert told[Lane.INTERACTIVE] == (2, 12)
    for lane in model.lanes:
        assert 0.05 <= seen[lane.lane].oldest_age <= lane.oldest_age


async def test_jobs_of_every_list_are_counted_and_the_oldest_of_all_is_the_oldest(
    world: RedisWorld, observer: Observer
) -> None:
    for number in (7, 0, 3):
        await world.admit(job(), list=number)
        await world.pass_time(0.02)

    lane = observer.observe([MODEL]).models[MODEL].lanes[Lane.INTERACTIVE]

    assert lane.jobs == 3 and lane.oldest_age >= 0.06


async def test_what_is_claimed_is_in_no_queue(world: RedisWorld, observer: Observer) -> None:
    await world.admit(job(), job(), job())
    await (await world.batcher()).drain("1", LIMITS, staged=False, suspects=True)

    seen = observer.observe([MODEL]).models[MODEL]

    assert (seen.lanes[Lane.INTERACTIVE].jobs, seen.claimed) == (0, 3)


async def test_suspects_and_dead_letters_are_counted(world: RedisWorld, observer: Observer) -> None:
    await world.admit(job())
    for batch in ("1", "2"):
        await world.crash(batch)
    once = observer.observe([MODEL]).models[MODEL]
    await world.crash("3")

    seen = observer.observe([MODEL]).models[MODEL]

    assert (once.suspects, once.dead) == (1, 0)
    assert (seen.suspects, seen.dead) == (0, 1)


async def test_the_servers_memory_and_the_blocks_of_the_history_are_told(world: RedisWorld, observer: Observer) -> None:
    await (await world.history()).append_history([b"block", b"block"], 0)

    seen = observer.observe([])

    assert (seen.history_blocks, seen.history_bytes) == (2, 10)
    assert seen.memory is not None and seen.memory > 100_000
    assert seen.max_memory == 0


async def test_a_key_that_is_something_else_costs_its_own_number_only(world: RedisWorld, observer: Observer) -> None:
    await world.admit(job(), job())
    world.server.set(world.keys.suspects(MODEL), "text")
    world.server.set(world.keys.list(MODEL, Lane.INTERACTIVE, 3), "text")
    world.server.set(world.keys.tokens(MODEL, Lane.INTERACTIVE), "text")

    seen = observer.observe([MODEL]).models[MODEL]

    lane = seen.lanes[Lane.INTERACTIVE]
    assert (lane.jobs, lane.tokens, seen.suspects, seen.dead) == (2, None, None, 0)


def test_a_broker_that_is_away_says_so() -> None:
    with pytest.raises(BrokerError):
        Observer("redis://127.0.0.1:1/0", "default").observe([MODEL])
