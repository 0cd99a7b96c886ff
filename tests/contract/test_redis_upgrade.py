"""A lease as the version before wrote it: in the moments of an upgrade both work on one server."""

from __future__ import annotations

import pytest

from tests.contract.worlds import LIMITS, SHORT, RedisWorld, ids, job

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
ID = 32  # characters


# A digit in front of the ids made each version read the other's leases as empty: RECLAIM dropped their jobs.
async def test_a_lease_holds_its_ids_where_the_version_before_looks_for_them(world: RedisWorld) -> None:
    batcher, jobs = await world.batcher(lease=SHORT), [job(), job()]
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)  # asked again

    order = world.server.hget(world.keys.lease("1"), "order").decode()

    assert [order[at : at + ID] for at in range(0, ID * len(jobs), ID)] == ids(jobs)


async def test_a_lease_of_the_version_before_is_taken_back_whole(world: RedisWorld) -> None:
    batcher, jobs = await world.batcher(lease=SHORT), [job(), job()]
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    world.server.hset(world.keys.lease("1"), "order", "".join(ids(jobs)))
    world.server.delete(world.keys.held("toy@r1"))
    await world.pass_time(SHORT)

    await batcher.reclaim()

    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=False)) == ids(jobs)
    assert world.server.hget(world.keys.held("toy@r1"), "#jobs") == b"2"
