"""Bodies that lie apart, on a real server: none outlives its job for long, and one that is lost harms nobody."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from broker import header
from broker.errors import BrokerFull, BrokerUnavailable
from broker.messages import Failure, FailureCode, Finish, Job, Lane, Verdict
from broker.redis.bodies import MARGIN
from broker.wire import LARGE, encode_job
from tests.contract.servers import running
from tests.contract.worlds import LIMITS, LONG, MODEL, RedisWorld, cancel, ids, job, request, results

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]


def large(**fields: Any) -> Job:
    return job(**{"input": b"x" * 100_000} | fields)


def bodies(world: RedisWorld) -> list[str]:
    """The ids of the jobs whose bodies are there."""
    prefix = world.keys.body("")
    return [name.removeprefix(prefix) for name in world.names() if name.startswith(prefix)]


def failed(one: Job) -> Failure:
    return Failure(job_id=one.id, code=FailureCode.MODEL_ERROR, message="no")


def of_size(size: int) -> Job:
    """A job that travels as so many bytes."""
    more = size - len(encode_job(job(input=b"x" * 10_000)))
    return job(input=b"x" * (10_000 + more))


async def test_what_waits_of_a_large_job_is_its_header_and_its_size(world: RedisWorld) -> None:
    one, small = of_size(LARGE + 1), of_size(LARGE)

    await world.admit(one, small)

    apart, whole = world.server.lrange(world.keys.queue(MODEL, Lane.INTERACTIVE), 0, -1)
    assert (apart[header.SIZE :], len(whole)) == (b"%010d" % (LARGE + 1), LARGE)
    assert bodies(world) == [one.id]
    assert int(world.server.get(world.keys.lane_bytes(MODEL, Lane.INTERACTIVE))) == 2 * LARGE + 1


async def test_a_body_lives_as_long_as_its_job_may_wait_and_a_little(world: RedisWorld) -> None:
    one = large()
    await world.admit(one, time_left=LONG)

    left = world.server.pttl(world.keys.body(one.id)) / 1000

    assert LONG < left <= LONG + MARGIN


async def test_a_body_goes_with_its_job(world: RedisWorld) -> None:
    jobs, batcher = [large() for _ in range(4)], await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)

    await batcher.finish([Finish(batch="1", results=results(jobs[0]), done=False)], starts=None)
    one = bodies(world)
    await batcher.fail("1", [failed(jobs[1])])
    two = bodies(world)
    await world.cancel(jobs[2])
    three = bodies(world)
    await batcher.finish([Finish(batch="1", results=results(jobs[3]), done=True)], starts=None)

    assert [set(found) for found in (one, two, three)] == [set(ids(jobs[at:])) for at in (1, 2, 3)]
    assert bodies(world) == []


async def test_bodies_of_refused_requests_go_at_once(world: RedisWorld) -> None:
    front_end, taken = await world.front_end(max_queue_jobs=1), large()

    await front_end.admit(1, [request(taken), request(large()), request(large(), time_left=0.0)], {})

    assert bodies(world) == [taken.id]


async def test_a_request_that_is_cancelled_by_its_own_digits_leaves_no_body(world: RedisWorld) -> None:
    jobs = [large(id=f"{'a' * 16}{number:016x}") for number in range(3)]
    await world.admit(*jobs)

    await world.cancel_all(cancel(jobs[0], digits=16))

    assert bodies(world) == []


async def test_an_answer_that_was_lost_brings_no_body_of_what_has_ended(world: RedisWorld) -> None:
    front_end, batcher, asked = await world.front_end(), await world.batcher(), [request(large())]
    first = await front_end.admit(5, asked, {})
    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.finish([Finish(batch="1", results=results(*claim.jobs), done=True)], starts=None)
    waiting = job()
    await front_end.admit(5, asked, [cancel(waiting)])

    assert await front_end.admit(5, asked, {}) == first
    assert bodies(world) == []
    assert world.server.zcard(world.keys.cancel(MODEL)) == 1


async def test_a_job_whose_body_is_gone_is_dropped_like_one_that_expired(world: RedisWorld) -> None:
    jobs = [large(), job(), large()]
    batcher = await world.batcher()
    await world.admit(*jobs)
    world.server.delete(world.keys.body(jobs[0].id))

    with structlog.testing.capture_logs() as lines:
        claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert (ids(claim), list(claim.spoiled)) == (ids(jobs[1:]), [])
    assert [(line["event"], line["jobs"]) for line in lines] == [("jobs dropped", 1)]
    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == ids(jobs[1:])
    assert world.server.hget(world.keys.held(MODEL), "#jobs") == b"2"


async def test_a_batch_of_which_every_body_is_gone_leaves_no_lease(world: RedisWorld) -> None:
    jobs, batcher = [large(), large()], await world.batcher()
    await world.admit(*jobs)
    world.server.delete(*(world.keys.body(one.id) for one in jobs))

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert (ids(claim), (await batcher.depth()).jobs) == ([], 0)
    assert not world.server.exists(world.keys.lease("1"), world.keys.leases(MODEL), world.keys.held(MODEL))


async def test_a_body_that_is_garbage_spoils_its_job_alone(world: RedisWorld) -> None:
    odd, good = large(), large()
    batcher = await world.batcher()
    await world.admit(odd, good)
    world.server.set(world.keys.body(odd.id), b"\xc1 garbage", keepttl=True)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.fail("1", [failed(odd)])

    assert (ids(claim), list(claim.spoiled)) == ([good.id], [odd.id])
    assert bodies(world) == [good.id]


async def test_a_body_of_another_type_counts_as_gone(world: RedisWorld) -> None:
    odd, good = large(), large()
    batcher = await world.batcher()
    await world.admit(odd, good)
    world.server.delete(world.keys.body(odd.id))
    world.server.sadd(world.keys.body(odd.id), b"x")

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [good.id]


async def test_a_size_that_is_no_number_ends_no_drain(world: RedisWorld) -> None:
    odd, good = large(), large()
    batcher, queue = await world.batcher(), world.keys.queue(MODEL, Lane.INTERACTIVE)
    await world.admit(odd, good)
    world.server.lset(queue, 0, world.server.lindex(queue, 0)[: header.SIZE] + b"many")

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert (ids(claim), list(claim.spoiled)) == (ids([odd, good]), [])


async def test_bodies_are_fetched_a_trip_at_a_time_and_their_lease_is_kept_meanwhile(world: RedisWorld) -> None:
    jobs, batcher = [job(input=b"x" * 1_500_000) for _ in range(6)], await world.batcher()
    await world.admit(*jobs)
    world.server.config_resetstat()

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)

    stats = world.server.info("commandstats")
    turns = 1  # an MGET of the script's
    assert (len(claim.jobs), stats["cmdstat_mget"]["calls"] - turns, stats["cmdstat_zadd"]["calls"]) == (6, 3, 3)
    assert world.server.zscore(world.keys.leases(MODEL), "1") > 1000 * (claim.claimed + LONG)


async def test_small_jobs_cost_no_command_of_these(world: RedisWorld) -> None:
    front_end, batcher = await world.front_end(), await world.batcher()
    world.server.config_resetstat()
    await front_end.admit(1, [request(job(), job())], {})
    claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.finish([Finish(batch="1", results=results(*claim.jobs), done=True)], starts=None)

    stats = world.server.info("commandstats")

    assert stats["cmdstat_mget"]["calls"] == 2  # the counters of the lanes, and their turns
    assert not {"cmdstat_unlink", "cmdstat_exists"} & {name for name in stats if "exists" not in name}


async def test_a_server_without_memory_takes_no_large_job_and_keeps_no_body(
    world: RedisWorld, binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(binary) as server:
        full = RedisWorld(server.url, monkeypatch)
        front_end, batcher, before = await full.front_end(), await full.batcher(), large()
        await full.admit(before)
        full.server.config_set("maxmemory", "1mb")

        with pytest.raises(BrokerFull):
            await front_end.admit(9, [request(large())], {})
        claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)
        left = bodies(full)
        await batcher.finish([Finish(batch="1", results=results(before), done=True)], starts=None)

        assert (ids(claim), left, bodies(full)) == ([before.id], [before.id], [])
        await full.close()


async def test_bodies_for_which_there_was_room_go_where_there_is_none_for_the_admission(
    world: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end = await world.front_end()

    async def full(client: Any, before: Any, keys: Any, args: Any) -> None:
        for command in before:
            await client.execute_command(*command)
        assert len(bodies(world)) == 2
        raise BrokerFull

    monkeypatch.setattr("broker.redis.scripts.ADMIT.run_after", full)

    with pytest.raises(BrokerFull):
        await front_end.admit(1, [request(large(), large())], {})

    assert bodies(world) == []


async def test_a_body_that_the_server_had_no_room_for_refuses_its_request_alone(
    world: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end, batcher, lost, good = await world.front_end(), await world.batcher(), large(), large()
    store = front_end._bodies.store
    monkeypatch.setattr(front_end._bodies, "store", lambda carried: store(carried)[1:])

    verdicts = await front_end.admit(1, [request(lost, large()), request(good)], {})

    assert verdicts == [Verdict(refusal=FailureCode.BROKER_FULL, waiting=0), Verdict(waiting=1)]
    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [good.id]
    assert bodies(world) == [good.id]


async def test_a_claim_whose_bodies_could_not_be_fetched_is_asked_for_again(
    world: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, batcher, tries = large(), await world.batcher(), []

    async def failing(*args: Any) -> Any:
        tries.append(args)
        raise BrokerUnavailable

    await world.admit(one)
    with monkeypatch.context() as patched, pytest.raises(BrokerUnavailable):
        patched.setattr("broker.redis.batcher.fetch", failing)
        await batcher.drain("1", LIMITS, staged=False, suspects=False)

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [one.id]
    assert len(tries) == 1


async def test_dead_letters_say_that_their_body_lay_apart(world: RedisWorld, admin: Any) -> None:
    poison = large()
    await world.admit(poison)
    for batch in "123":
        await world.crash(batch)

    [letter] = admin.letters([MODEL], 10).shown

    assert (letter.job_id, letter.size, letter.lies_apart) == (poison.id, len(encode_job(poison)), True)


async def test_operators_see_the_bytes_of_a_lane(world: RedisWorld, admin: Any) -> None:
    one, small = large(), job()
    await world.admit(one, small)

    [model] = admin.overview().models

    assert [lane.bytes for lane in model.lanes] == [len(encode_job(one)) + len(encode_job(small)), 0]
