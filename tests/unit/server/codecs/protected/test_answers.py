"""Texts with protected parts on their way to the model and back: whole, whatever the model says."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from server.codecs.contract import Plan
from server.codecs.errors import CodecError
from server.codecs.translation import m2m100
from server.codecs.translation.m2m100 import M2M100Codec
from tests.unit.server.codecs.samples import SENTENCES, translation_card
from tests.unit.server.codecs.translating import EN_JA, codec, echo, sources

EN_FR = {"fromLang": "en", "toLang": "fr"}
MARKERS = {"en": ["bread", "ferry"], "fr": ["fromage", "gare"], "ja": ["駅", "箱"]}


def marking() -> M2M100Codec:
    return codec(options=translation_card().options | {"markers": MARKERS})


def ids(text: str) -> array[int]:
    """As a model says a text."""
    (found,) = sources(codec().encode(text, {"fromLang": "fr", "toLang": "en"})) or [[]]
    return array("i", found)


def said(codec: M2M100Codec, plan: Plan, texts: list[str]) -> dict[str, Any]:
    """The answer to a plan whose pieces are answered by these texts."""
    return codec.decode(plan, [ids(text) for text in texts])


@pytest.mark.parametrize(
    "text",
    [
        "the box of {name}",
        "{name}, the ferry leaves at {hour}. Nobody wants {it}!",
        "{a}{b}",
        "{a} the box",
        "the <b>ferry leaves</b> at seven",
        "<b>the box. the ferry</b> leaves",
        "the box is at https://example.com/a.b?c=d. the ferry is at www.example.com!",
        "  {x}\n\n\tthe box: {y}\r\n",
        "%s\n%s\n",
        "the box \U00017000 of {bread} \x1e and \U000f0000",
        "the ferry leaves at seven, and nobody wants {x} to miss it, " * 9,
    ],
)
@pytest.mark.parametrize("split", ["sentence", "budget"])
def test_an_echo_is_the_text_whatever_is_protected_in_it(text: str, split: str) -> None:
    options = translation_card().options | {"split": split, "markers": MARKERS}

    assert echo(codec(max_cost=24, options=options), text, EN_FR) == text


def test_the_pieces_around_a_part_are_translated_alone() -> None:
    plan = codec().encode("the box of {name} leaves", EN_FR)

    assert sources(plan) == [sources(codec().encode(part, EN_FR))[0] for part in ("the box of", "leaves")]


def test_an_answer_with_all_markers_has_the_parts_in_their_places() -> None:
    codec = marking()
    plan = codec.encode("the box of {a} is at {b}", EN_FR)

    answer = said(codec, plan, ["la gare est la fromage", "la", "est"])

    assert answer == {"text": "la {b} est la {a}"}


@pytest.mark.parametrize(
    "whole",
    ["la gare est la", "la fromage est la", "la gare et fromage et gare", "", "la"],
    ids=["first lost", "second lost", "one twice", "nothing", "both lost"],
)
def test_an_answer_without_a_marker_or_with_one_twice_is_put_together_around(whole: str) -> None:
    codec = marking()
    plan = codec.encode("the box of {a} is at {b}", EN_FR)

    assert said(codec, plan, [whole, "la", "est"])["text"] == "la {a} est {b}"


def test_an_answer_marked_as_degenerate_is_put_together_around() -> None:
    codec = marking()
    plan = codec.encode("the box of {a} leaves", EN_FR)
    ids = codec._vocabulary.ids

    outputs = [
        {"pieces": array("i", ids("fromage")), "degenerate": True},
        array("i", ids("la")),
        array("i", ids("est")),
    ]

    assert codec.decode(plan, outputs) == {"text": "la {a} est"}


def test_marks_of_the_way_that_is_not_taken_are_not_told() -> None:
    codec = marking()
    plan = codec.encode("the box of {a} leaves", EN_FR)
    ids = codec._vocabulary.ids

    outputs = [
        array("i", ids("la fromage")),
        {"pieces": array("i", ids("la")), "truncated": True},
        array("i", ids("est")),
    ]

    assert codec.decode(plan, outputs) == {"text": "la {a}"}


def test_a_word_that_the_text_has_itself_is_no_marker_of_it() -> None:
    plan = marking().encode("the bread of {a}", EN_FR)

    assert sources(plan)[0] == sources(codec().encode("the bread of ferry", EN_FR))[0]


def test_more_parts_than_markers_are_translated_around() -> None:
    assert len(marking().encode("the {a} box {b} of {c} bread", EN_FR).pieces) == 4


def test_codes_that_the_vocabulary_cannot_read_are_not_tried() -> None:
    assert len(codec().encode("the box of {a} leaves", EN_FR).pieces) == 2


def test_a_text_of_parts_alone_makes_no_job() -> None:
    plan = codec().encode("{a} – {b}: https://example.com", EN_FR)

    assert (plan.pieces, codec().decode(plan, [])) == (
        (),
        {"text": "{a} – {b}: https://example.com"},
    ) or not plan.pieces


def test_between_sentences_stands_the_separator_of_the_target() -> None:
    assert echo(codec(), "The {a} box. The {b} ferry.", EN_JA) == "The {a} box.The {b} ferry."


def test_out_of_a_language_without_spaces_a_part_stands_apart() -> None:
    options = {"fromLang": "zh", "toLang": "en"}

    assert echo(codec(), "生活{a}一盒{b}", options) == "生活 {a} 一盒 {b}"


def test_a_term_of_the_glossary_is_what_it_becomes() -> None:
    options = EN_FR | {"glossary": {"ferry": "BAC-7"}}

    assert echo(codec(), "the ferry leaves", options) == "the BAC-7 leaves"


def test_parts_do_not_count_as_unread() -> None:
    assert "unread" not in codec().decode(codec().encode("{名前} ⟦", EN_FR | {"glossary": ["⟦"]}), [])


def test_texts_in_one_language_come_back_as_they_are() -> None:
    options = {"fromLang": "en", "toLang": "en", "glossary": {"ferry": "bac"}}

    assert echo(codec(), "the ferry {a}", options) == "the ferry {a}"


@pytest.mark.parametrize("changes", [{"glossary": "ferry"}, {"format": "xml"}, {"format": 7}])
def test_options_that_are_none_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CodecError):
        codec().check(EN_FR | changes)


def test_sentences_without_such_parts_make_the_same_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for pair in SENTENCES.values() for text in pair]
    texts += ["50 % of it.", "a < b", "Dr. No! 100%sure", "{see above} @ noon", "\U00017000 \x1e the box @ noon"]
    codecs = codec()
    plans = [codecs.encode(text, EN_JA) for text in texts]

    monkeypatch.setattr(m2m100, "keep", lambda text, options, work: None)

    assert plans == [codecs.encode(text, EN_JA) for text in texts]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", ["{a}", "%s 1 ", "<b>", "%s. "])
@pytest.mark.parametrize("format", ["text", "html"])
def test_any_number_of_parts_takes_no_quadratic_time(part: str, format: str) -> None:
    text = part * 200_000

    assert echo(codec(), text, EN_FR | {"format": format}) == text
