"""Cards, batchers, files, limits and the epoch: what the sides of the house know of each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis
from redis.client import Pipeline

from broker.contract import CHUNK
from broker.errors import BrokerUnavailable
from broker.messages import Announcement, Fleet, Speed
from tests.contract.worlds import LIMITS, MODEL, RedisWorld, World, card, presence

pytestmark = pytest.mark.anyio
SILENCE = 0.25  # seconds until a batcher is forgotten; long enough for a slow machine to look in time
FILES = {"a" * 64: b"\x00vocabulary\xff", "b" * 64: b""}


async def look(world: World) -> Fleet:
    return await (await world.front_end()).look()


async def announced(world: World) -> dict[str, Announcement]:
    return {one.card.key: one for one in (await look(world)).announcements}


async def test_an_empty_broker_knows_no_model(world: World) -> None:
    fleet = await look(world)

    assert (len(fleet.announcements), fleet.known_names) == (0, frozenset())


async def test_a_card_is_seen_as_it_was_announced(world: World) -> None:
    shown = card(
        max_cost=77,
        labels=["good", "bad"],
        languages=["en", "ja"],
        artifacts={"vocab.json": "a" * 64},
        options={"lower": True, "pairs": {"ja": 3}},
        description="an honest toy",
    )

    world.heart().announce(shown, {})

    assert (await announced(world))[MODEL].card == shown


async def test_two_revisions_of_a_name_are_two_cards(world: World) -> None:
    for model in ("toy@r1", "toy@r2", "other@r1"):
        world.heart(model).announce(card(model), {})

    assert set(await announced(world)) == {"toy@r1", "toy@r2", "other@r1"}
    assert (await look(world)).known_names == {"toy", "other"}


async def test_a_newer_revision_has_the_later_stamp(world: World) -> None:
    world.heart("toy@r2").announce(card("toy@r2"), {})
    await world.pass_time(0.01)
    world.heart("toy@r1").announce(card("toy@r1"), {})

    found = await announced(world)

    assert found["toy@r1"].announced > found["toy@r2"].announced


async def test_announcing_again_keeps_the_first_stamp(world: World) -> None:
    world.heart().announce(card(), {})
    first = (await announced(world))[MODEL].announced
    await world.pass_time(0.01)

    world.heart().announce(card(), {})

    assert (await announced(world))[MODEL].announced == first


async def test_a_batcher_is_seen_from_its_first_beat(world: World) -> None:
    heart = world.heart()
    shown = presence("b1", speed=Speed(fixed=0.01, per_job=0.0005), room=64, host="node-7")
    heart.announce(card(), {})
    before = list((await announced(world))[MODEL].batchers)

    heart.beat(shown, {})

    assert before == []
    assert list((await announced(world))[MODEL].batchers) == [shown]


async def test_a_batcher_stands_behind_its_own_revision_only(world: World) -> None:
    for model in ("toy@r1", "toy@r2"):
        world.heart(model).announce(card(model), {})

    world.heart("toy@r2").beat(presence("b1", "toy@r2"), {})

    found = await announced(world)
    assert [len(found[model].batchers) for model in ("toy@r1", "toy@r2")] == [0, 1]


async def test_a_beat_replaces_what_was_known_of_the_batcher(world: World) -> None:
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence("b1", room=1), {})

    heart.beat(presence("b1", room=2), {})

    assert [one.room for one in (await announced(world))[MODEL].batchers] == [2]


async def test_a_batcher_that_left_no_longer_counts(world: World) -> None:
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence("b1"), {})
    heart.beat(presence("b2"), {})

    heart.leave("b1")

    assert [one.batcher for one in (await announced(world))[MODEL].batchers] == ["b2"]


async def test_a_silent_batcher_no_longer_counts_but_its_card_is_known(world: World) -> None:
    world.forget_after(SILENCE)
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence(), {})

    await world.pass_time(1.2 * SILENCE)

    assert list((await announced(world))[MODEL].batchers) == []


async def test_reclaim_prunes_the_card_that_nobody_stands_behind(world: World) -> None:
    world.forget_after(SILENCE)
    dead, alive = world.heart("toy@r1"), world.heart("toy@r2")
    dead.announce(card("toy@r1"), {})
    alive.announce(card("toy@r2"), {})
    dead.beat(presence("b1", "toy@r1"), {})
    await world.pass_time(1.2 * SILENCE)
    alive.beat(presence("b2", "toy@r2"), {})

    await (await world.batcher("toy@r2")).reclaim()

    assert set(await announced(world)) == {"toy@r2"}


async def test_a_card_waits_for_its_first_beat(world: World) -> None:
    world.heart().announce(card(), {})

    await (await world.batcher()).reclaim()

    assert set(await announced(world)) == {MODEL}


async def test_a_beat_brings_a_pruned_card_back(world: World) -> None:
    world.forget_after(SILENCE)
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence(), {})
    await world.pass_time(1.2 * SILENCE)
    await (await world.batcher("other@r1")).reclaim()

    heart.beat(presence(), {})

    assert len((await announced(world))[MODEL].batchers) == 1


async def test_a_beat_brings_card_and_files_back_to_a_broker_that_lost_everything(world: World) -> None:
    heart = world.heart()
    heart.announce(card(), FILES)
    world.lose_everything()

    heart.beat(presence(), {})

    assert set(await announced(world)) == {MODEL}
    assert await (await world.front_end()).artifact("a" * 64) == FILES["a" * 64]


@pytest.mark.parametrize("sha256", sorted(FILES))
async def test_an_announced_file_is_read_by_its_hash(world: World, sha256: str) -> None:
    world.heart().announce(card(), FILES)

    assert await (await world.front_end()).artifact(sha256) == FILES[sha256]


async def test_a_file_that_nobody_announced_is_none(world: World) -> None:
    assert await (await world.front_end()).artifact("c" * 64) is None


async def test_everybody_reads_the_same_epoch_whoever_sets_it(world: World) -> None:
    first = world.heart().beat(presence(), {}).epoch

    assert [first] * 2 == [(await look(world)).epoch, world.heart().beat(presence(), {}).epoch]
    assert first


async def test_a_front_end_that_finds_no_epoch_sets_one(world: World) -> None:
    first = (await look(world)).epoch

    assert first
    assert (await look(world)).epoch == first


async def test_the_epoch_changes_when_the_broker_comes_back_empty(world: World) -> None:
    before = (await look(world)).epoch

    world.lose_everything()

    assert (await look(world)).epoch not in (before, "")


async def test_without_live_limits_a_beat_brings_none(world: World) -> None:
    assert world.heart().beat(presence(), {}).limits is None


async def test_a_beat_brings_the_live_limits_of_its_model(world: World) -> None:
    live = replace(LIMITS, max_batch_size=7, max_batch_tokens=99, max_wait=0.25, policy="fixed", version=3)

    world.set_limits("toy", live)

    assert world.heart("toy@r9").beat(presence(model="toy@r9"), {}).limits == live
    assert world.heart("other@r1").beat(presence(model="other@r1"), {}).limits is None


async def test_without_a_default_there_is_none(world: World) -> None:
    assert dict((await look(world)).defaults) == {}


async def test_the_first_default_of_a_task_stays_and_all_front_ends_see_it(world: World) -> None:
    one, other = await world.front_end(), await world.front_end("e" * 16)

    await one.settle_default("translation", "toy")
    await other.settle_default("translation", "other")
    await other.settle_default("embedding", "other")

    expected = {"translation": "toy", "embedding": "other"}
    assert [dict((await front_end.look()).defaults) for front_end in (one, other)] == [expected] * 2


async def test_a_default_that_is_told_again_replaces_another(world: World) -> None:
    front_end = await world.front_end()
    await front_end.settle_default("translation", "toy")

    await front_end.settle_default("translation", "other", again=True)

    assert dict((await front_end.look()).defaults) == {"translation": "other"}


async def test_a_default_outlives_the_card_of_its_model(world: World) -> None:
    world.forget_after(SILENCE)
    heart = world.heart()
    heart.announce(card(), {})
    heart.beat(presence(), {})
    await (await world.front_end()).settle_default("translation", "toy")
    await world.pass_time(1.2 * SILENCE)

    await (await world.batcher("other@r1")).reclaim()

    assert (await announced(world), dict((await look(world)).defaults)) == ({}, {"translation": "toy"})


LARGE = bytes(range(256)) * (5 * CHUNK // 512) + b"end"  # two chunks and a half


async def test_a_large_file_is_read_in_chunks(world: World) -> None:
    front_end = await world.front_end()
    world.heart().announce(card(), {"d" * 64: LARGE})

    chunks = [await front_end.artifact("d" * 64)]
    while chunks[-1]:
        chunks.append(await front_end.artifact("d" * 64, sum(map(len, chunks))))

    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, CHUNK // 2 + 3, 0]
    assert b"".join(chunks) == LARGE


async def test_an_empty_file_is_no_missing_one(world: World) -> None:
    world.heart().announce(card(), {"d" * 64: b""})

    assert await (await world.front_end()).artifact("d" * 64) == b""


async def test_a_large_file_that_was_lost_comes_back_while_the_heart_beats(world: World) -> None:
    heart, front_end = world.heart(), await world.front_end()
    heart.announce(card(), {"d" * 64: LARGE})
    world.lose_everything()

    heart.beat(presence(), {})

    assert await front_end.artifact("d" * 64) == LARGE[:CHUNK]
    assert [one.card.key for one in (await front_end.look()).announcements] == [MODEL]


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
class TestUploads:
    """What only a real server shows."""

    async def test_a_file_is_there_whole_or_not_at_all_and_no_part_of_it_stays(
        self, world: RedisWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heart, key = world.heart(), world.keys.artifact("d" * 64)
        monkeypatch.setattr("broker.redis.uploads.CHUNK", len(LARGE) // 3)
        cut_after(monkeypatch, 2)

        with pytest.raises(BrokerUnavailable):
            heart.announce(card(), {"d" * 64: LARGE})
        parts = [name for name in world.names() if name.startswith(key)]
        seen = (world.server.exists(key), [0 < world.server.pttl(part) <= 60_000 for part in parts])
        heart.announce(card(), {"d" * 64: LARGE})

        assert seen == (0, [True])
        assert [name for name in world.names() if name.startswith(key)] == [key]
        assert world.server.get(key) == LARGE
        assert world.server.pttl(key) > 500_000

    async def test_what_was_interrupted_goes_on_where_it_was(
        self, world: RedisWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heart = world.heart()
        monkeypatch.setattr("broker.redis.uploads.CHUNK", len(LARGE) // 10)
        sent = cut_after(monkeypatch, 7)

        with pytest.raises(BrokerUnavailable):
            heart.announce(card(), {"d" * 64: LARGE})
        heart.announce(card(), {"d" * 64: LARGE})

        assert len(sent) <= 12
        assert world.server.get(world.keys.artifact("d" * 64)) == LARGE

    async def test_a_large_file_that_is_there_is_not_brought_again_and_one_of_another_length_is(
        self, world: RedisWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = world.keys.artifact("d" * 64)
        world.heart().announce(card(), {"d" * 64: LARGE})
        sent = cut_after(monkeypatch, 100)

        world.heart().announce(card(), {"d" * 64: LARGE})
        untouched = len(sent)
        world.server.append(key, b"rubbish")
        world.heart().announce(card(), {"d" * 64: LARGE})

        assert (untouched, world.server.get(key)) == (0, LARGE)

    async def test_an_upload_ends_when_it_is_not_wanted_any_more(self, world: RedisWorld) -> None:
        answers = [True, False]

        with pytest.raises(BrokerUnavailable, match="told to stop"):
            world.heart().announce(card(), {"d" * 64: LARGE}, lambda: answers.pop(0))

        assert not world.server.exists(world.keys.artifact("d" * 64))


def cut_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> list[int]:
    """The connection breaks with the chunk after so many; notes where each began."""
    sent: list[int] = []
    setrange = Pipeline.setrange

    def counted(pipe: Pipeline, name: str, at: int, value: bytes) -> Any:
        sent.append(at)
        if len(sent) == chunks + 1:
            raise redis.ConnectionError
        return setrange(pipe, name, at, value)

    monkeypatch.setattr(Pipeline, "setrange", counted)
    return sent
