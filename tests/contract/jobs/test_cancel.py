"""CANCEL: nobody computes what nobody waits for, and a mark goes with its jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.errors import BrokerFull
from broker.messages import RECORD, Cancel, Finish, job_id_of
from tests.contract.conftest import binary_of
from tests.contract.servers import running
from tests.contract.worlds import (
    LIMITS,
    MODEL,
    SHORT,
    RedisWorld,
    World,
    cancel,
    ids,
    job,
    presence,
    request,
    results,
)

pytestmark = pytest.mark.anyio


async def test_a_cancelled_job_is_never_claimed(world: World) -> None:
    cancelled, wanted = job(), job()
    batcher = await world.batcher()
    await world.admit(cancelled, wanted)

    await world.cancel(cancelled)

    claim = await batcher.drain("1", LIMITS, staged=False, suspects=True)
    assert (ids(claim), claim.left) == ([wanted.id], 0)


async def test_cancels_travel_with_admissions(world: World) -> None:
    cancelled, wanted = job(), job()
    front_end, batcher = await world.front_end(), await world.batcher()
    await front_end.admit(1, [request(cancelled)], {})

    verdicts = await front_end.admit(2, [request(wanted)], [cancel(cancelled)])

    assert [verdict.refusal for verdict in verdicts] == [None]
    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=True)) == [wanted.id]


async def test_a_job_cancelled_before_it_is_admitted_is_never_claimed(world: World) -> None:
    cancelled = job()
    batcher = await world.batcher()
    await world.cancel(cancelled)

    await world.admit(cancelled)

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=True)) == []


async def test_a_cancelled_suspect_is_dropped(world: World) -> None:
    cancelled, wanted = job(), job()
    batcher = await world.batcher()
    await world.admit(cancelled, wanted)
    await world.crash("1")

    await world.cancel(cancelled)

    assert ids(await batcher.drain("2", LIMITS, staged=False, suspects=True)) == [wanted.id]


async def test_the_tokens_of_a_cancelled_job_leave_with_it(world: World) -> None:
    cancelled = job(cost=5)
    batcher = await world.batcher()
    await world.admit(cancelled, job(cost=3))
    await world.cancel(cancelled)

    await batcher.drain("1", LIMITS, staged=False, suspects=True)

    assert (await batcher.depth()).tokens == 0


async def test_a_beat_tells_which_live_jobs_were_cancelled(world: World) -> None:
    jobs = [job() for _ in range(4)]
    batcher = await world.batcher()
    await world.admit(*jobs)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await world.cancel(jobs[1], jobs[3])

    pulse = world.heart().beat(presence(), {"1": [one.id for one in jobs[:3]]})

    assert pulse.cancelled == {jobs[1].id}


async def test_a_beat_looks_at_the_jobs_of_every_batch(world: World) -> None:
    jobs = [job() for _ in range(3)]
    batcher, one = await world.batcher(), replace(LIMITS, max_batch_size=1)
    await world.admit(*jobs)
    for batch in "12":
        await batcher.drain(batch, one, staged=False, suspects=False)
    await world.cancel(jobs[0], jobs[1])

    pulse = world.heart().beat(presence(), {"1": [jobs[0].id], "2": [jobs[1].id]})

    assert pulse.cancelled == {jobs[0].id, jobs[1].id}


async def test_a_beat_tells_again_what_is_cancelled_for_as_long_as_the_lease_is_held(world: World) -> None:
    gone, kept = job(), job()
    batcher, heart = await world.batcher(), world.heart()
    await world.admit(gone, kept)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.cancel(gone)

    pulses = [heart.beat(presence(), {"1": [gone.id, kept.id]}) for _ in range(2)]

    assert [pulse.cancelled for pulse in pulses] == [{gone.id}] * 2


async def test_what_a_beat_has_found_cancelled_is_not_computed_again_when_its_batcher_dies(world: World) -> None:
    gone, kept = job(), job()
    hasty, other = await world.batcher(lease=SHORT), await world.batcher()
    await world.admit(gone, kept)
    await hasty.drain("1", LIMITS, staged=False, suspects=False)
    await world.cancel(gone)
    world.heart(lease=SHORT).beat(presence(), {"1": [gone.id, kept.id]})
    await world.pass_time(4 * SHORT)

    await hasty.reclaim()

    assert ids(await other.drain("2", LIMITS, staged=False, suspects=True)) == [kept.id]


async def test_a_late_result_of_what_a_beat_has_found_cancelled_ends_its_batch_all_the_same(world: World) -> None:
    gone, kept = job(), job()
    batcher = await world.batcher()
    await world.admit(gone, kept)
    await batcher.drain("1", LIMITS, staged=False, suspects=False)
    await world.cancel(gone)
    world.heart().beat(presence(), {"1": [gone.id, kept.id]})

    await batcher.finish([Finish(batch="1", results=results(gone, kept), done=True)], starts=None)

    assert ids(await world.outcomes()) == [gone.id, kept.id]
    assert world.heart().beat(presence(), {"1": []}).lost == {"1"}


REQUEST_ID = "0123456789abcdef"


async def test_a_request_is_cancelled_in_one_word_whatever_it_holds(world: World) -> None:
    jobs = [job(id=job_id_of(REQUEST_ID, record, piece)) for record in range(3) for piece in range(3)]
    wanted, batcher = job(), await world.batcher()
    await world.admit(*jobs, wanted)

    await world.cancel_all(Cancel(model=MODEL, ids=REQUEST_ID))

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [wanted.id]


async def test_one_record_of_a_request_is_cancelled_and_the_others_are_not(world: World) -> None:
    jobs = [job(id=job_id_of(REQUEST_ID, record, piece)) for record in range(3) for piece in range(2)]
    batcher = await world.batcher()
    await world.admit(*jobs)

    await world.cancel(jobs[2])

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == ids([*jobs[:2], *jobs[4:]])


async def test_a_cancellation_is_of_one_model_only(world: World) -> None:
    waiting, batcher = job(), await world.batcher()
    await world.admit(waiting)

    await world.cancel_all(Cancel(model="other@r1", ids=waiting.id[:RECORD]))

    assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [waiting.id]


async def test_of_more_jobs_than_one_claim_looks_at_none_that_is_cancelled_is_computed(world: World) -> None:
    jobs = [job(id=job_id_of(REQUEST_ID, number, 0)) for number in range(1_000)]
    wanted, batcher = job(), await world.batcher()
    await world.admit(*jobs, wanted)

    await world.cancel_all(Cancel(model=MODEL, ids=REQUEST_ID))
    claimed = [await batcher.drain(str(number), LIMITS, staged=False, suspects=False) for number in range(5)]

    assert [id for claim in claimed for id in ids(claim)] == [wanted.id]


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
class TestMarks:
    """How long they stay, which only a real server shows."""

    def marks(self, world: RedisWorld) -> int:
        return int(world.server.zcard(world.keys.cancel(MODEL)))

    async def test_a_request_of_ten_thousand_jobs_is_one_entry(self, world: RedisWorld) -> None:
        jobs = [job(id=job_id_of(REQUEST_ID, number, 0)) for number in range(9_990)]
        await world.admit(*jobs)
        keys = len(world.names())

        await world.cancel_all(Cancel(model=MODEL, ids=REQUEST_ID))

        assert (self.marks(world), len(world.names())) == (1, keys + 1)
        assert world.server.memory_usage(world.keys.cancel(MODEL)) < 1_000

    async def test_marks_go_with_the_last_jobs_of_a_model(self, world: RedisWorld) -> None:
        jobs, batcher = [job() for _ in range(10)], await world.batcher()
        await world.admit(*jobs)
        await world.cancel(*jobs)

        await batcher.drain("1", LIMITS, staged=False, suspects=False)

        assert not world.server.exists(world.keys.cancel(MODEL))

    async def test_marks_stay_while_somebody_else_holds_jobs(self, world: RedisWorld) -> None:
        one, batcher = job(), await world.batcher()
        await world.admit(one)
        await batcher.drain("1", LIMITS, staged=False, suspects=False)
        await world.cancel(one)

        await batcher.drain("2", LIMITS, staged=False, suspects=False)

        assert self.marks(world) == 1

    async def test_a_mark_that_came_too_late_goes_though_the_model_is_busy(self, world: RedisWorld) -> None:
        over, batcher = job(), await world.batcher(lease=SHORT)
        await world.admit(over)
        await batcher.drain("1", LIMITS, staged=False, suspects=False)
        await batcher.finish([Finish(batch="1", results=results(over), done=True)], starts=None)
        await world.cancel(over)
        await world.pass_time(3 * SHORT)
        await world.admit(*[job() for _ in range(10)])

        await batcher.reclaim()

        assert self.marks(world) == 0

    async def test_a_mark_stays_for_as_long_as_an_older_job_waits(self, world: RedisWorld) -> None:
        waiting, batcher = job(), await world.batcher(lease=SHORT)
        await world.admit(waiting)
        await world.cancel(waiting)
        await world.pass_time(3 * SHORT)

        await batcher.reclaim()

        assert self.marks(world) == 1

    async def test_marks_are_bounded_in_number_and_in_time(self, world: RedisWorld) -> None:
        for at in range(0, 21_000, 1_000):
            await world.cancel_all(*(Cancel(model=MODEL, ids=f"{number:016x}") for number in range(at, at + 1_000)))

        assert self.marks(world) == 20_000
        assert 0 < world.server.pttl(world.keys.cancel(MODEL)) <= 660_000

    @pytest.mark.parametrize("with_requests", [False, True])
    async def test_a_key_that_is_no_zset_is_mended(self, world: RedisWorld, with_requests: bool) -> None:
        gone, kept, other, batcher = job(), job(), job(), await world.batcher()
        await world.admit(gone, kept)
        world.server.set(world.keys.cancel(MODEL), b"x")
        assert world.heart().beat(presence(), {"1": [kept.id]}).cancelled == frozenset()
        await batcher.reclaim()
        world.server.set(world.keys.cancel(MODEL), b"x")

        requests = [request(other)] if with_requests else []
        await (await world.front_end()).admit(9, requests, [cancel(gone)])
        world.server.script_flush()

        assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == ids(
            [kept, *([other] if with_requests else [])]
        )

    async def test_a_server_that_has_forgotten_the_scripts_forgets_no_cancellation(self, world: RedisWorld) -> None:
        gone, other = job(), job()
        batcher, front_end = await world.batcher(), await world.front_end()
        await world.admit(gone)
        world.server.script_flush()

        await front_end.admit(9, [request(other)], [cancel(gone)])

        assert ids(await batcher.drain("1", LIMITS, staged=False, suspects=False)) == [other.id]

    async def test_jobs_can_be_cancelled_when_memory_is_spent(self, kind: str) -> None:
        with running(binary_of(kind), "--maxmemory", "4mb") as server, pytest.MonkeyPatch.context() as patch:
            world = RedisWorld(server.url, patch)
            gone = [job(id=job_id_of(REQUEST_ID, number, 0), input=b"x" * 1_000) for number in range(500)]
            await world.admit(*gone)
            with server.client() as client:
                client.config_set("maxmemory", 1)
            with pytest.raises(BrokerFull):
                await (await world.front_end()).admit(99, [request(job())], [])

            await world.cancel_all(Cancel(model=MODEL, ids=REQUEST_ID))
            batcher = await world.batcher()
            for number in range(2):
                claim = await batcher.drain(str(number), LIMITS, staged=False, suspects=False)

            assert (claim.jobs, claim.left) == ([], 0)
            await world.close()
