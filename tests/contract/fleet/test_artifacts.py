"""The files that a card names: read by hash and in chunks, and there whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from redis.client import Pipeline

from broker.contract import CHUNK
from broker.errors import BrokerUnavailable
from tests.contract.worlds import MODEL, RedisWorld, World, card, presence

pytestmark = pytest.mark.anyio
FILES = {"a" * 64: b"\x00vocabulary\xff", "b" * 64: b""}
LARGE = bytes(range(256)) * (5 * CHUNK // 512) + b"end"  # two chunks and a half


async def test_a_beat_brings_card_and_files_back_to_a_broker_that_lost_everything(world: World) -> None:
    heart = world.heart()
    heart.announce(card(), FILES)
    world.lose_everything()

    heart.beat(presence(), {})

    assert set(await world.announced()) == {MODEL}
    assert await (await world.front_end()).artifact("a" * 64) == FILES["a" * 64]


@pytest.mark.parametrize("sha256", sorted(FILES))
async def test_an_announced_file_is_read_by_its_hash(world: World, sha256: str) -> None:
    world.heart().announce(card(), FILES)

    assert await (await world.front_end()).artifact(sha256) == FILES[sha256]


async def test_a_file_that_nobody_announced_is_none(world: World) -> None:
    assert await (await world.front_end()).artifact("c" * 64) is None


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
