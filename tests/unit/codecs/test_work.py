"""Nothing is made in proportion to a text before its bound was checked, or after nobody waits any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from broker.messages import ModelCard
from server.codecs.contract import Codec
from server.codecs.m2m100 import M2M100Codec
from server.codecs.passthrough import PassthroughCodec
from server.codecs.text import TextCodec
from server.codecs.work import Abandoned, RequestTooLarge, Work
from tests.unit.codecs.samples import tokenizer_files, translation_card
from tests.unit.codecs.test_text import tokenizer_json

EN_JA = {"fromLang": "en", "toLang": "ja"}


def translating() -> Codec:
    return M2M100Codec(translation_card(max_cost=16), tokenizer_files())


def embedding() -> Codec:
    card = ModelCard(name="space", task="embedding", codec="text", revision="1", max_cost=16)
    return TextCodec(card, {"tokenizer.json": tokenizer_json()})


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
