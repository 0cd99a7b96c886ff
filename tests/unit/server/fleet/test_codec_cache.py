"""Codecs are made once per card, from files that are what the card says they are."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from broker.contract import CHUNK
from broker.errors import BrokerUnavailable
from server.fleet.codec_cache import AGAIN, KEEP, RETRY, CodecCache
from tests.conftest import FakeClock
from tests.unit.server.stand_in import ScriptedBroker, card

pytestmark = pytest.mark.anyio

WORDS = b"life\nlike\n"
SHA = hashlib.sha256(WORDS).hexdigest()


class Maker:
    """Makes anything into a codec and remembers from what."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made: list[tuple[str, dict[str, bytes]]] = []

    def __call__(self, card, files):
        self.made.append((card.key, dict(files)))
        if self.errors:
            raise self.errors.pop(0)
        return object()


class Panic(BaseException):
    """As a tokenizer library in Rust ends."""


def with_words(**fields):
    return card(artifacts={"words.txt": SHA}, **fields)


@dataclass
class Shelf:
    """A library at work."""

    codec_cache: CodecCache
    clock: FakeClock

    async def codecs(self, *cards, after: float = 0.0):
        """What is ready once all that is wanted now is done with."""
        self.clock.tick(after)
        self.codec_cache.want(cards)
        await self.codec_cache.wait_until_ready(5.0)
        return set(self.codec_cache.codecs)


async def work(codec_cache, broker):
    while True:
        await codec_cache.wanted()
        await codec_cache.run(broker)


@asynccontextmanager
async def shelf(make, broker=None):
    clock = FakeClock()
    codec_cache = CodecCache(make, clock)
    running = asyncio.create_task(work(codec_cache, broker or ScriptedBroker(files={SHA: WORDS})))
    try:
        yield Shelf(codec_cache, clock)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_codec_is_made_from_the_files_of_its_card():
    make = Maker()

    async with shelf(make) as here:
        assert await here.codecs(with_words()) == {"echo@r1"}

    assert make.made == [("echo@r1", {"words.txt": WORDS})]


async def test_a_codec_is_made_once():
    make = Maker()

    async with shelf(make) as here:
        await here.codecs(with_words())
        await here.codecs(with_words(), after=1.0)

    assert len(make.made) == 1


async def test_each_revision_has_its_own_codec():
    async with shelf(Maker()) as here:
        assert await here.codecs(card(revision="r1"), card(revision="r2")) == {"echo@r1", "echo@r2"}


async def test_a_file_with_another_hash_is_not_used():
    make = Maker()

    async with shelf(make, ScriptedBroker(files={SHA: b"evil"})) as here:
        assert await here.codecs(with_words()) == set()

    assert make.made == []


async def test_a_file_that_is_not_there_yet_is_tried_again_later():
    broker = ScriptedBroker()
    async with shelf(Maker(), broker) as here:
        await here.codecs(with_words())
        broker.files[SHA] = WORDS

        assert await here.codecs(with_words(), after=RETRY / 2) == set()
        assert await here.codecs(with_words(), after=RETRY / 2) == {"echo@r1"}


@pytest.mark.parametrize("error", [ValueError("no such codec"), RuntimeError("a library's own"), Panic("Rust's")])
async def test_one_bad_card_does_not_hide_the_others(error):
    async with shelf(Maker(error)) as here:
        assert await here.codecs(card("bad"), card("good")) == {"good@r1"}


async def test_a_codec_outlives_its_card_for_a_while():
    async with shelf(Maker()) as here:
        await here.codecs(card())

        assert await here.codecs(after=KEEP) == {"echo@r1"}
        assert await here.codecs(after=1.0) == set()


LARGE = bytes(range(256)) * (3 * CHUNK // 256) + b"end"
LARGE_SHA = hashlib.sha256(LARGE).hexdigest()
LARGE_CARD = card("large", artifacts={"large.bin": LARGE_SHA})


class Slow(ScriptedBroker):
    """Notes what it is asked for; each chunk waits for its turn. Away for the requests in `failing`."""

    def __post_init__(self):
        super().__post_init__()
        self.asked: list[tuple[str, int]] = []
        self.failing: set[int] = set()
        self.open = asyncio.Event()

    async def artifact(self, sha256, at=0):
        self.asked.append((sha256, at))
        await self.open.wait()
        await asyncio.sleep(0)
        if len(self.asked) in self.failing:
            raise BrokerUnavailable
        return await super().artifact(sha256, at)


async def test_a_large_file_comes_in_chunks_and_others_by_turns():
    broker = Slow(files={SHA: WORDS, LARGE_SHA: LARGE})
    broker.open.set()
    make = Maker()

    async with shelf(make, broker) as here:
        await here.codecs(LARGE_CARD, with_words())

    assert [at for sha256, at in broker.asked if sha256 == LARGE_SHA] == [0, CHUNK, 2 * CHUNK, 3 * CHUNK, len(LARGE)]
    assert broker.asked[1] == (SHA, 0)
    assert dict(make.made)["large@r1"] == {"large.bin": LARGE}


async def test_a_file_that_does_not_come_holds_up_no_look():
    broker = Slow(files={LARGE_SHA: LARGE})
    async with shelf(Maker(), broker) as here:
        here.codec_cache.want([LARGE_CARD])
        await here.codec_cache.wait_until_ready(0.01)
        here.codec_cache.want([LARGE_CARD])
        await here.codec_cache.wait_until_ready(0.01)

        assert (here.codec_cache.codecs, broker.asked) == ({}, [(LARGE_SHA, 0)])
        broker.open.set()
        await here.codec_cache.wait_until_ready(5.0)
        assert set(here.codec_cache.codecs) == {"large@r1"}


async def test_a_broker_that_breaks_off_is_asked_for_the_rest():
    broker = Slow(files={LARGE_SHA: LARGE})
    broker.open.set()
    broker.failing = {3, 4}

    async with shelf(Maker(), broker) as here:
        assert await here.codecs(LARGE_CARD) == set()
        assert await here.codecs(LARGE_CARD, after=AGAIN / 2) == set()
        assert await here.codecs(LARGE_CARD, after=AGAIN / 2) == set()
        assert await here.codecs(LARGE_CARD, after=AGAIN) == {"large@r1"}

    assert [at for _, at in broker.asked][:5] == [0, CHUNK, 2 * CHUNK, 2 * CHUNK, 2 * CHUNK]


async def test_what_came_of_a_file_that_no_card_names_any_more_is_not_kept():
    broker = Slow(files={SHA: WORDS, LARGE_SHA: LARGE})
    broker.open.set()
    broker.failing = {3}

    async with shelf(Maker(), broker) as here:
        await here.codecs(LARGE_CARD)
        begun = set(here.codec_cache._files)
        await here.codecs(with_words(), after=KEEP / 2)
        await here.codecs(with_words(), after=KEEP / 2 + 1)

        assert (begun, set(here.codec_cache._files)) == ({LARGE_SHA}, set())


async def test_two_cards_share_a_file():
    broker, make = Slow(files={LARGE_SHA: LARGE}), Maker()
    broker.open.set()

    async with shelf(make, broker) as here:
        await here.codecs(LARGE_CARD, replace(LARGE_CARD, revision="r2"))

    assert [files["large.bin"] == LARGE for _, files in make.made] == [True, True]


async def test_a_file_that_is_too_large_costs_its_model_alone(monkeypatch):
    monkeypatch.setattr("server.fleet.codec_cache.MAX_ARTIFACT", CHUNK)

    async with shelf(Maker(), ScriptedBroker(files={SHA: WORDS, LARGE_SHA: LARGE})) as here:
        assert await here.codecs(LARGE_CARD, with_words()) == {"echo@r1"}


async def test_what_comes_to_be_wanted_meanwhile_is_made_too_and_then_the_connection_is_given_back():
    broker, make = Slow(files={SHA: WORDS, LARGE_SHA: LARGE}), Maker()
    codec_cache = CodecCache(make, FakeClock())
    codec_cache.want([LARGE_CARD])
    running = asyncio.create_task(codec_cache.run(broker))
    await asyncio.sleep(0)

    codec_cache.want([LARGE_CARD, with_words()])
    broker.open.set()
    await asyncio.wait_for(running, 5.0)

    assert sorted(key for key, _ in make.made) == ["echo@r1", "large@r1"]
