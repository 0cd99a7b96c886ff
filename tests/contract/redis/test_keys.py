"""What stays behind on a real server: only keys of the table, and nothing without an end but the fixed ones."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from broker.errors import BrokerError
from broker.keys import Keys
from broker.messages import Failure, FailureCode, Finish, Lane, Limits
from tests.contract.predictions.orders import created, ending, tried
from tests.contract.worlds import FRONT_END, LIMITS, MODEL, SHORT, RedisWorld, card, ids, job, presence, results

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
LASTING = {"cards", "batchers", "epoch", f"dead:{MODEL}", "limits:toy"}  # these need no end
NAME = "⟨name⟩"
LARGE = b"x" * 20_000


def table(keys: Keys) -> list[re.Pattern[str]]:
    """Every entry of the keys table, as a pattern."""
    rows = [of(MODEL, lane) for of in (keys.queue, keys.tokens, keys.lane_bytes) for lane in Lane]
    rows += [keys.body(NAME)]
    rows += [keys.suspects(MODEL), keys.wake(MODEL), keys.leases(MODEL), keys.lease(NAME), keys.held(MODEL)]
    rows += [keys.dead(MODEL), keys.reply(NAME), keys.bell(NAME)]
    rows += [keys.admit(NAME), keys.cancel(NAME), keys.limits("toy")]
    rows += [
        keys.prediction(NAME),
        keys.prediction_body(NAME),
        keys.prediction_rows(NAME),
        keys.prediction_result(NAME, NAME),
        keys.idempotency(NAME),
    ]
    rows += [keys.predictions_due, keys.predictions_room, keys.predictions_bytes, keys.predictions_hooks]
    rows += [keys.webhook_tries, keys.webhook_fates]
    rows += [keys.predictions_mark, keys.history, keys.history_state]
    rows += [keys.artifact(NAME), keys.cards, keys.batchers, keys.epoch]
    return [re.compile(re.escape(row).replace(NAME, "[^:]+") + "$") for row in rows]


class Census:
    """Every key that was ever seen, and those of them that had no end."""

    def __init__(self, world: RedisWorld) -> None:
        self._world = world
        self.seen: set[str] = set()
        self.endless: set[str] = set()

    def take(self) -> None:
        names = self._world.names()
        self.seen |= set(names)
        self.endless |= {name for name in names if self._world.server.pttl(name) == -1}


async def live_through_everything(world: RedisWorld) -> Census:
    """Every step of the protocol at least once, then quiet."""
    census = Census(world)
    front_end, batcher, heart = await world.front_end(), await world.batcher(lease=SHORT), world.heart()
    heart.announce(card(), {"a" * 64: b"file"})
    world.set_limits("toy", Limits())
    await front_end.look()
    good, bad, cancelled, poison, large = *[job() for _ in range(4)], job(input=LARGE)
    await world.admit(good, bad, cancelled, large)
    await world.admit(job(), lane=Lane.BULK, time_left=SHORT)
    await world.cancel(cancelled)
    census.take()

    await batcher.drain("done", LIMITS, staged=False, suspects=True)
    heart.beat(presence(), {"done": [good.id, bad.id, large.id]})
    census.take()
    await batcher.fail("done", [Failure(job_id=bad.id, code=FailureCode.MODEL_ERROR, message="no")])
    census.take()
    await batcher.finish([Finish(batch="done", results=results(good, large), done=True)], starts=None)
    census.take()

    await world.admit(poison)
    await batcher.drain("released", LIMITS, staged=True, suspects=True)
    await batcher.release("released")
    for crash in range(3):
        await world.crash(f"crash {crash}")
        census.take()
    await batcher.drain("empty", LIMITS, staged=False, suspects=True)
    frames = await front_end.receive(0, 0.0)
    assert set(ids(frames.outcomes)) == {good.id, bad.id, poison.id, large.id}
    await front_end.receive(frames.count, 0.0)
    census.take()

    await (await world.history()).append_history([b"block"], 1)
    census.take()

    predictions = await world.predictions()
    with suppress(BrokerError):  # it has no log on a disk
        await predictions.persisted()
    one, other = [await created(predictions, key=key, fingerprint="f", has_hook=True) for key in ("k1", "k2")]
    await predictions.add_rows(one, FRONT_END, 0, [b"row"], 0)
    census.take()
    await predictions.finish(ending(one))
    census.take()
    await predictions.settle_hook(one, None, tried())
    census.take()
    for id in (one, other, other):
        await predictions.remove(id)
    census.take()
    return census


async def test_every_key_is_in_the_table(world: RedisWorld) -> None:
    seen = (await live_through_everything(world)).seen

    rows = table(world.keys)
    assert [name for name in seen if not any(row.match(name) for row in rows)] == []
    assert [row.pattern for row in rows if not any(row.match(name) for name in seen)] == []


async def test_after_everything_is_answered_no_job_stays_anywhere(world: RedisWorld) -> None:
    await live_through_everything(world)

    held = {"q:", "suspect:", "leases:", "lease:", "reply:", "body:"}
    held |= {"prediction:", "prediction-body:", "prediction-rows:", "prediction-result:", "predictions:"}
    assert world.server.pttl(world.keys.predictions_mark) <= 1000  # type: ignore[operator]  # it says nothing
    names = set(world.names()) - {world.keys.predictions_mark}
    suffixes = [name.removeprefix(world.keys.prefix) for name in names]
    assert [name for name in suffixes if any(name.startswith(one) for one in held)] == []
    counters = [world.server.get(name) for name in world.names() if ":tokens:" in name or ":bytes:" in name]
    assert all(int(count or 0) == 0 for count in counters)


async def test_every_key_has_an_end_besides_the_fixed_ones(world: RedisWorld) -> None:
    endless = (await live_through_everything(world)).endless

    bounded = {world.keys.history, world.keys.history_state}  # they wait for the writer, however long it is away
    assert {name.removeprefix(world.keys.prefix) for name in endless - bounded} <= LASTING


async def test_while_jobs_wait_their_keys_have_an_end_beyond_the_deadline(world: RedisWorld) -> None:
    keys, batcher = world.keys, await world.batcher()
    await world.admit(job(), time_left=300.0)
    await batcher.drain("1", LIMITS, staged=True, suspects=False)
    await world.admit(job(), time_left=300.0)

    names = [of(MODEL, Lane.INTERACTIVE) for of in (keys.queue, keys.tokens, keys.lane_bytes)] + [
        keys.lease("1"),
        keys.leases(MODEL),
    ]
    assert all(world.server.pttl(name) > 300_000 for name in names)


async def test_a_short_deadline_behind_a_long_one_does_not_end_the_queue_early(world: RedisWorld) -> None:
    await world.admit(job(), time_left=300.0)

    await world.admit(job(), time_left=1.0)

    assert world.server.pttl(world.keys.queue(MODEL, Lane.INTERACTIVE)) > 300_000


async def test_namespaces_on_one_server_do_not_meet(world: RedisWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    other = RedisWorld(world.url, monkeypatch)
    await world.admit(job())

    mine, theirs = await world.batcher(), await other.batcher()

    assert ((await mine.depth()).jobs, (await theirs.depth()).jobs) == (1, 0)
    await other.close()


async def test_dead_letters_are_capped_at_the_newest(world: RedisWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.redis.batcher.DEAD_KEPT", 2)
    poison = [job(front_end=FRONT_END) for _ in range(3)]
    for number, one in enumerate(poison):
        await world.admit(one)
        for crash in range(3):
            await world.crash(f"{number} {crash}")

    kept = world.server.lrange(world.keys.dead(MODEL), 0, -1)

    assert [one.id.encode() in letter for one, letter in zip(poison[1:], kept, strict=True)] == [True, True]
