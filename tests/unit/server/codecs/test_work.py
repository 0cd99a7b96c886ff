"""Nothing is made in proportion to a text before its bound was checked, or after nobody waits any more."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from broker.messages import ModelCard
from server.codecs.contract import Codec
from server.codecs.errors import Abandoned, RequestTooLarge
from server.codecs.passthrough import PassthroughCodec
from server.codecs.text import TextCodec
from server.codecs.tokenizer import STRETCH
from server.codecs.translation.m2m100 import M2M100Codec
from server.codecs.translation.sentences import sentences
from server.codecs.work import Work
from tests.unit.server.codecs.samples import tokenizer_files, translation_card
from tests.unit.server.codecs.test_text import tokenizer_json

EN_JA = {"fromLang": "en", "toLang": "ja"}


def translating() -> Codec:
    return M2M100Codec(translation_card(max_cost=16), tokenizer_files())


def embedding() -> Codec:
    card = ModelCard(name="space", task="embedding", codec="text", revision="1", max_cost=16)
    return TextCodec(card, {"tokenizer.json": tokenizer_json()})


class Listening:
    """A tokenizer, and the texts that it was given."""

    def __init__(self, codec: Any) -> None:
        self._tokenizer, codec._tokenizer = codec._tokenizer, self
        self.heard: list[int] = []  # their lengths

    def encode_batch_fast(self, texts: Any) -> Any:
        self.heard += map(len, texts)
        return self._tokenizer.encode_batch_fast(texts)


def passing() -> Codec:
    return PassthroughCodec(ModelCard(name="own", task="own", codec="passthrough", revision="1"), {})


EVERY_CODEC = [pytest.param(make, id=make.__name__) for make in (translating, embedding, passing)]


def test_what_was_spent_is_gone() -> None:
    work = Work(jobs=3)
    work.spend(2)

    with pytest.raises(RequestTooLarge, match="more than 3 jobs"):
        work.spend(2)


def test_asking_takes_nothing() -> None:
    work = Work(jobs=3, tokens=9)

    work.require(jobs=3, tokens=9)
    work.require(jobs=3, tokens=9)


def test_tokens_are_bounded_too() -> None:
    with pytest.raises(RequestTooLarge, match="more than 9 tokens"):
        Work(tokens=9).spend(1, 10)


def test_nobody_waits_after_the_deadline() -> None:
    work = Work(deadline=5.0, clock=lambda: 5.1)

    with pytest.raises(Abandoned):
        work.check()


def test_nobody_waits_once_it_is_stopped() -> None:
    work = Work()
    work.stop()

    with pytest.raises(Abandoned):
        work.spend(1)


@pytest.mark.parametrize("make", EVERY_CODEC)
def test_every_codec_counts_jobs(make: Callable[[], Codec]) -> None:
    with pytest.raises(RequestTooLarge):
        make().encode("one two three", EN_JA, Work(jobs=0))


@pytest.mark.parametrize("make", EVERY_CODEC)
def test_every_codec_counts_tokens(make: Callable[[], Codec]) -> None:
    with pytest.raises(RequestTooLarge):
        make().encode("one two three", EN_JA, Work(tokens=2))


@pytest.mark.parametrize("make", EVERY_CODEC)
def test_no_codec_works_for_nobody(make: Callable[[], Codec]) -> None:
    work = Work()
    work.stop()

    with pytest.raises(Abandoned):
        make().encode("one two three", EN_JA, work)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028", " \x0b\t"])
def test_too_many_lines_are_counted_before_any_is_read(end: str, monkeypatch: Any) -> None:
    codec: Any = translating()
    monkeypatch.setattr(codec, "_vocabulary", None)  # whoever asks it fails

    with pytest.raises(RequestTooLarge):
        codec.encode(f"a{end}" * 500_000, EN_JA, Work(jobs=10_000))


LONG = [
    pytest.param("Hello world, this is a sentence. " * 10_000, id="sentences"),
    pytest.param("a." * 150_000, id="a word without end"),
    pytest.param("これは文です。" * 40_000, id="no spaces"),
    pytest.param("one\n" * 80_000, id="lines"),
]


@pytest.mark.parametrize("text", LONG)
@pytest.mark.timeout(20)
def test_a_long_text_is_read_by_stretches(text: str) -> None:
    codec = embedding()
    tokenizer = Listening(codec)

    plan = codec.encode(text, {})

    assert max(tokenizer.heard) <= STRETCH
    assert max(piece.cost for piece in plan.pieces) <= 16


@pytest.mark.parametrize("text", LONG)
def test_a_long_text_is_left_where_its_pieces_are_too_many(text: str) -> None:
    codec = embedding()
    tokenizer = Listening(codec)

    with pytest.raises(RequestTooLarge):
        codec.encode(text, {}, Work(jobs=100))

    assert sum(tokenizer.heard) < 10 * STRETCH


@pytest.mark.parametrize("text", LONG)
def test_a_long_text_is_left_soon_after_nobody_waits(text: str) -> None:
    codec, ticks = embedding(), itertools.count()
    tokenizer = Listening(codec)

    with pytest.raises(Abandoned):
        codec.encode(text, {}, Work(deadline=20.0, clock=lambda: float(next(ticks))))

    assert sum(tokenizer.heard) < 10 * STRETCH


def test_a_long_text_that_is_mostly_blank_is_one_piece() -> None:
    (piece,) = embedding().encode("one" + " " * 100_000 + "two", {}).pieces

    assert list(piece.input) == [1, 5, 6, 2]


@pytest.mark.parametrize("mark", ["a。", "ä. ", "これは！", "「これ」", "ဒါ။"])
@pytest.mark.timeout(10)
def test_sentences_that_are_not_ascii_take_no_quadratic_time(mark: str) -> None:
    text = mark * (400_000 // len(mark))

    assert sum(map(len, sentences(text, "ja"))) == len(text)
