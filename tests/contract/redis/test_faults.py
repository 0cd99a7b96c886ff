"""Faults that only a real server has: forgotten scripts, spent memory, garbage, silence, unfit settings."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog

from broker import header
from broker.errors import BrokerFull, BrokerUnavailable, BrokerUnfit
from broker.messages import Failure, FailureCode, Finish, Lane
from broker.wire import encode_job
from tests.contract.servers import running
from tests.contract.worlds import LIMITS, MODEL, SHORT, RedisWorld, card, ids, job, presence, request, results

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]


async def test_a_server_that_forgot_the_scripts_is_told_again(world: RedisWorld) -> None:
    first, second = job(), job()
    batcher, heart = await world.batcher(), world.heart()
    flush = world.server.script_flush

    flush()
    await world.admit(first, second)
    flush()
    await batcher.drain("1", replace(LIMITS, max_batch_size=1), staged=False, suspects=True)
    flush()
    heart.beat(presence(), {"1": [first.id]})
    flush()
    await batcher.finish([Finish(batch="1", results=results(first), done=True)], starts=None)
    await batcher.drain("2", LIMITS, staged=False, suspects=True)
    flush()
    await batcher.fail("2", [Failure(job_id=second.id, code=FailureCode.MODEL_ERROR, message="no")])
    flush()
    await batcher.release("2")
    flush()
    await batcher.reclaim()

    assert ids(await world.outcomes()) == ids([first, second])


async def test_a_job_whose_body_is_garbage_is_named_and_can_be_failed(world: RedisWorld) -> None:
    good, spoiled = job(), job()
    batcher = await world.batcher()
    await world.admit(spoiled, good)
    queue = world.keys.queue(MODEL, Lane.INTERACTIVE)
    data = world.server.lindex(queue, 0)
    world.server.lset(queue, 0, data[: header.SIZE] + b"\xc1 garbage")

    with structlog.testing.capture_logs() as lines:
        claim = await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await batcher.fail("1", [Failure(job_id=spoiled.id, code=FailureCode.INVALID_INPUT, message="unreadable")])

    assert (ids(claim), list(claim.spoiled)) == ([good.id], [spoiled.id])
    assert ids(await world.outcomes()) == [spoiled.id]
    assert [(line["event"], line["job"], line["kind"]) for line in lines] == [("job unreadable", spoiled.id, "s")]


@pytest.mark.parametrize(
    "garbage",
    [b"", b"x", b"1", encode_job(job())[: header.SIZE - 1], b"\xff" * 200],
    ids=["nothing", "a letter", "a digit", "half a header", "noise"],
)
async def test_garbage_in_the_queue_stops_nobody(world: RedisWorld, garbage: bytes) -> None:
    good = job()
    batcher = await world.batcher()
    world.server.rpush(world.keys.queue(MODEL, Lane.INTERACTIVE), garbage)
    await world.admit(good)

    await batcher.depth()
    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True)

    assert ids(claim) == [good.id]


async def test_garbage_among_the_frames_is_counted_and_skipped(world: RedisWorld) -> None:
    waiting = job()
    batcher, front_end = await world.batcher(), await world.front_end()
    await world.admit(waiting)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    world.server.rpush(world.keys.reply("f" * 16), b"garbage")

    await batcher.finish([Finish(batch="1", results=results(waiting), done=True)], starts=None)

    frames = await front_end.receive(0, 0.0)
    assert (frames.count, ids(frames.outcomes)) == (2, [waiting.id])


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"0000000000000\xc1"])
async def test_a_garbled_card_hides_no_other(world: RedisWorld, garbage: bytes) -> None:
    world.heart().announce(card(), {})
    world.heart().beat(presence(), {})
    world.server.hset(world.keys.cards, "bad@r1", garbage)
    world.server.hset(world.keys.batchers, "bad", garbage)

    fleet = await (await world.front_end()).look()
    await (await world.batcher()).reclaim()

    assert [(one.card.key, len(one.batchers)) for one in fleet.announcements] == [(MODEL, 1)]


async def test_a_file_that_was_lost_alone_comes_back_with_the_next_beat(world: RedisWorld) -> None:
    heart = world.heart()
    heart.announce(card(), {"a" * 64: b"file"})
    world.server.delete(world.keys.artifact("a" * 64))

    heart.beat(presence(), {})

    assert await (await world.front_end()).artifact("a" * 64) == b"file"


async def test_a_beat_renews_the_life_of_a_file(world: RedisWorld) -> None:
    heart, name = world.heart(), world.keys.artifact("a" * 64)
    heart.announce(card(), {"a" * 64: b"file"})
    world.server.pexpire(name, 5_000)

    heart.beat(presence(), {})

    assert world.server.pttl(name) > 5_000


async def test_live_limits_that_make_no_sense_stop_no_heart(world: RedisWorld) -> None:
    waiting = job()
    batcher = await world.batcher(lease=SHORT)
    await world.admit(waiting)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    world.server.hset(world.keys.limits("toy"), "max_batch_size", "many")

    pulse = world.heart().beat(presence(), {"1": [waiting.id]})

    assert (pulse.lost, pulse.limits) == (frozenset(), None)


async def test_live_limits_change_only_what_they_name(world: RedisWorld) -> None:
    world.server.hset(world.keys.limits("toy"), mapping={"max_batch_size": "7", "colour": "red"})

    assert world.heart().beat(presence(), {}).limits == replace(LIMITS, max_batch_size=7)


async def test_a_server_without_memory_refuses_admissions_and_does_all_the_rest(
    world: RedisWorld, binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(binary) as server:
        full = RedisWorld(server.url, monkeypatch)
        batcher, hasty, heart = await full.batcher(), await full.batcher(lease=SHORT), full.heart()
        jobs = [job(input="x" * 100) for _ in range(6)]
        ended_job, running_job = job(), job()
        heart.announce(card(), {"a" * 64: b"file"})
        await full.admit(ended_job, running_job)
        await batcher.drain("in-flight", LIMITS, staged=False, suspects=False)
        await full.admit(*jobs)
        await batcher.drain("done", replace(LIMITS, max_batch_size=2), staged=False, suspects=False)
        await hasty.drain("lost", replace(LIMITS, max_batch_size=2), staged=True, suspects=False)
        full.server.config_set("maxmemory", "1mb")

        with pytest.raises(BrokerFull):
            await (await full.front_end()).admit(9, [request(job())], {})
        pulse = heart.beat(presence(), {"done": ids(jobs[:2])})
        ended = Finish(batch="in-flight", results=results(ended_job), done=False)
        await batcher.finish([ended, Finish(batch="done", results=results(*jobs[:2]), done=True)], starts="in-flight")
        await full.pass_time(2 * SHORT)
        await batcher.reclaim()
        claim = await batcher.drain("rest", LIMITS, staged=False, suspects=True)
        await batcher.fail("rest", [Failure(job_id=jobs[2].id, code=FailureCode.MODEL_ERROR, message="no")])
        await batcher.release("rest")

        assert (pulse.lost, ids(claim)) == (frozenset(), ids(jobs[2:]))
        assert ids(await full.outcomes()) == [ended_job.id, *ids(jobs[:3])]
        assert ids(await batcher.drain("in-flight", LIMITS, staged=False, suspects=False)) == [running_job.id]
        assert (await batcher.depth()).jobs == 3
        await full.close()


async def test_one_reclaim_does_bounded_work_and_the_next_one_the_rest(
    world: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.redis.batcher.JOBS_A_CALL", 3)
    hasty, jobs = await world.batcher(lease=SHORT), [job() for _ in range(6)]
    await world.admit(*jobs)
    for batch in "123":
        await hasty.drain(batch, replace(LIMITS, max_batch_size=2), staged=True, suspects=False)
    await world.pass_time(2 * SHORT)

    back = []
    for _ in range(2):
        await hasty.reclaim()
        back.append((await hasty.depth()).jobs)

    assert back == [4, 6]


async def test_a_server_that_is_gone_is_unavailable_whatever_one_asks(
    world: RedisWorld, binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(binary) as server:
        gone = RedisWorld(server.url, monkeypatch)
        front_end, batcher, heart = await gone.front_end(), await gone.batcher(), gone.heart()
        heart.announce(card(), {})
        await gone.admit(job())
        await batcher.drain("1", LIMITS, staged=False, suspects=False)

    for ask in (
        front_end.admit(2, [request(job())], {}), front_end.receive(0, 0.01), front_end.look(), front_end.artifact("a"),
        batcher.wait(0.01), batcher.depth(), batcher.drain("2", LIMITS, staged=True, suspects=True),
        batcher.finish([Finish(batch="1", done=True)], starts="2"), batcher.start("1"), batcher.release("1"),
        batcher.reclaim(), batcher.fail("1", [Failure(job_id="a", code=FailureCode.MODEL_ERROR, message="no")]),
    ):  # fmt: skip
        with pytest.raises(BrokerUnavailable):
            await ask
    for beat in (lambda: heart.beat(presence(), {}), lambda: heart.announce(card(), {}), lambda: heart.leave("b1")):
        with pytest.raises(BrokerUnavailable):
            beat()
    monkeypatch.setattr(gone, "lose_everything", lambda: None)
    await gone.close()


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_may_evict_jobs_is_refused_with_the_remedy(
    world: RedisWorld, binary: str, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(binary, "--maxmemory-policy", policy) as server:
        unfit = RedisWorld(server.url, monkeypatch)
        for face in (await unfit.front_end(), await unfit.batcher()):
            with pytest.raises(BrokerUnfit, match=rf"{policy}.*noeviction"):
                await face.check()
        await unfit.close()


async def test_a_server_that_keeps_its_jobs_is_accepted(world: RedisWorld) -> None:
    for face in (await world.front_end(), await world.batcher()):
        await face.check()
