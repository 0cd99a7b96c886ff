"""Codecs are made once per card, from files that are what the card says they are."""

from __future__ import annotations

import hashlib

import pytest

from broker.errors import BrokerUnavailable
from server.library import KEEP, RETRY, Library
from tests.unit.server.house import ScriptedBroker, card

pytestmark = pytest.mark.anyio

WORDS = b"life\nlike\n"
SHA = hashlib.sha256(WORDS).hexdigest()
NOW = 1_000.0


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


async def test_a_codec_is_made_from_the_files_of_its_card():
    make = Maker()

    codecs = await Library(make).stock(ScriptedBroker(files={SHA: WORDS}), [with_words()], NOW)

    assert make.made == [("echo@r1", {"words.txt": WORDS})]
    assert set(codecs) == {"echo@r1"}


async def test_a_codec_is_made_once():
    make = Maker()
    library, broker = Library(make), ScriptedBroker(files={SHA: WORDS})

    first = dict(await library.stock(broker, [with_words()], NOW))
    second = dict(await library.stock(broker, [with_words()], NOW + 1))

    assert (first, len(make.made)) == (second, 1)


async def test_each_revision_has_its_own_codec():
    library = Library(Maker())

    codecs = await library.stock(ScriptedBroker(), [card(revision="r1"), card(revision="r2")], NOW)

    assert set(codecs) == {"echo@r1", "echo@r2"}


async def test_a_file_with_another_hash_is_not_used():
    make = Maker()

    codecs = await Library(make).stock(ScriptedBroker(files={SHA: b"evil"}), [with_words()], NOW)

    assert (dict(codecs), make.made) == ({}, [])


async def test_a_file_that_is_not_there_yet_is_tried_again_later():
    library, broker = Library(Maker()), ScriptedBroker()
    await library.stock(broker, [with_words()], NOW)
    broker.files[SHA] = WORDS

    too_soon = dict(await library.stock(broker, [with_words()], NOW + RETRY / 2))
    later = dict(await library.stock(broker, [with_words()], NOW + RETRY))

    assert (set(too_soon), set(later)) == (set(), {"echo@r1"})


@pytest.mark.parametrize("error", [ValueError("no such codec"), RuntimeError("a library's own"), Panic("Rust's")])
async def test_one_bad_card_does_not_hide_the_others(error):
    library = Library(Maker(error))

    codecs = await library.stock(ScriptedBroker(), [card("bad"), card("good")], NOW)

    assert set(codecs) == {"good@r1"}


async def test_a_lost_broker_is_no_bad_card():
    class Lost(ScriptedBroker):
        async def artifact(self, sha256):
            raise BrokerUnavailable

    with pytest.raises(BrokerUnavailable):
        await Library(Maker()).stock(Lost(), [with_words()], NOW)


async def test_a_codec_outlives_its_card_for_a_while():
    library = Library(Maker())
    await library.stock(ScriptedBroker(), [card()], NOW)

    kept = dict(await library.stock(ScriptedBroker(), [], NOW + KEEP))
    dropped = dict(await library.stock(ScriptedBroker(), [], NOW + KEEP + 1))

    assert (set(kept), set(dropped)) == ({"echo@r1"}, set())
