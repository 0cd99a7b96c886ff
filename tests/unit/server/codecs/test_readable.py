"""What a model is given of a text, and that all else stands where it stood."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.codecs.translation.m2m100 import M2M100Codec
from server.codecs.translation.readable import surrounded, visible
from tests.unit.server.codecs.samples import tokenizer_files, translation_card

DEMO = Path(__file__).parents[4] / "demo" / "translation"
EN_FR = {"fromLang": "en", "toLang": "fr"}
HIDDEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202e\u2066\u2069\u061c\u034f\ufe0f\u180e"
UNKNOWN = "😆🇯🇵👨\u200d👩\u200d👧❤️1️⃣♪→•※ѿ囹\ue000\0\x07\u0489"
WORDS = ["the box", "The ferry leaves", "bread", "seven"]
exact = settings(max_examples=300, deadline=None, derandomize=True, database=None)
signs = st.text(st.sampled_from([*UNKNOWN, *' .!?-()"“”\u3000\t']), max_size=6)
no_letters = st.text(st.sampled_from([*"😆🇯🇵👨\u200d👩❤♪※\ue000\0", *" .!?()“”\u3000"]), max_size=6)
texts = st.lists(st.one_of(st.sampled_from(WORDS), signs, st.sampled_from(["\n", ". ", "! ", "。"])), max_size=12)


@cache
def small() -> M2M100Codec:
    return M2M100Codec(translation_card(), tokenizer_files())


@cache
def demo() -> M2M100Codec:
    """Its vocabulary has numbers and punctuation."""
    files = {name: (DEMO / name).read_bytes() for name in ("sentencepiece.bpe.model", "vocab.json")}
    return M2M100Codec(translation_card(), files)


def answer(codec: M2M100Codec, text: str) -> dict[str, Any]:
    """As of a model that repeats what it is given."""
    plan = codec.encode(text, EN_FR)
    return codec.decode(plan, [piece.input["source"] for piece in plan.pieces])


@exact
@given(signs)
def test_what_has_no_letter_that_can_be_read_comes_back_as_it_was(signs: str) -> None:
    codec = small()

    plan = codec.encode(signs, EN_FR)

    assert not plan.pieces
    assert codec.decode(plan, [])["text"] == signs


@exact
@given(no_letters, no_letters, no_letters)
def test_signs_around_sentences_stay_where_they_stood(before: str, between: str, after: str) -> None:
    codec = small()
    text = f"{before} The box. {between} The ferry. {after}"

    found = answer(codec, text)["text"]

    # Pictographs and spaces, that is; a mark without partner may be read with the sentence that it touches.
    kept = [each for each in found if unicodedata.category(each) in ("So", "Co", "Cc", "Zs")]
    assert kept == [each for each in text if unicodedata.category(each) in ("So", "Co", "Cc", "Zs")]
    assert "The box." in found
    assert "The ferry." in found


@exact
@given(texts, st.randoms(use_true_random=False))
def test_characters_that_show_nothing_change_no_answer(parts: list[str], random: Any) -> None:
    codec = small()
    words = [part for part in parts if part in WORDS or part in (". ", "! ", "\n")]
    text = " ".join([*words, "box"])
    soiled = "".join(each + random.choice(["", random.choice(HIDDEN)]) if each.isalpha() else each for each in text)

    plan, plain = codec.encode(soiled, EN_FR), codec.encode(text, EN_FR)

    assert [piece.input for piece in plan.pieces] == [piece.input for piece in plain.pieces]
    assert codec.decode(plan, [piece.input["source"] for piece in plan.pieces]) == answer(codec, text)


@exact
@given(texts)
def test_a_decomposed_text_is_read_as_a_composed_one(parts: list[str]) -> None:
    codec = small()
    text = unicodedata.normalize("NFC", " ".join([*parts, "déjà à Noël", "ガギグ"]))

    plan = codec.encode(unicodedata.normalize("NFD", text), EN_FR)

    assert [piece.input for piece in plan.pieces] == [piece.input for piece in codec.encode(text, EN_FR).pieces]


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        pytest.param("😆", 1, id="a pictograph"),
        pytest.param("👨\u200d👩\u200d👧", 3, id="a family, of three"),
        pytest.param("🇯🇵 🏴\U000e0067\U000e007f", 3, id="flags, of letters and tags"),
        pytest.param("1️⃣", 1, id="a keycap"),
        pytest.param("❤️", 1, id="a heart with a selector"),
        pytest.param("\u200b", 0, id="a zero-width space"),
        pytest.param("\ufeff\u200e\u202a\u202c", 0, id="marks of direction"),
        pytest.param("ѿ" * 5000, 5000, id="thousands of one character"),
        pytest.param("ѿ. " * 5000, 5000, id="thousands of sentences of one character"),
        pytest.param("囹圄。囹圄！", 4, id="letters without a token and stops with one"),
        pytest.param("12:30, 3.50 - 100 %", 0, id="numbers"),
        pytest.param("?! ... --- ()", 0, id="punctuation"),
        pytest.param("\ue000\U0010ffff", 2, id="private use and nothing at all"),
        pytest.param("\u0301\u0489", 2, id="lone marks"),
        pytest.param("\0\x01", 2, id="control characters"),
    ],
)
def test_nothing_to_read_makes_no_job(text: str, unread: int) -> None:
    plan = demo().encode(text, EN_FR)

    assert not plan.pieces
    assert demo().decode(plan, []) == {"text": text} | ({"unread": unread} if unread else {})
    assert plan.unknown == unread


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("😆 The box.", "😆 The box."),
        ("The box 😆", "The box 😆"),
        ("The box 😆!", "The box! 😆"),
        ("The box.😆The ferry. 👨\u200d👩\u200d👧 The box!", "The box.😆The ferry. 👨\u200d👩\u200d👧 The box!"),
        ("1️⃣ The box. 2️⃣ The ferry.", "1️⃣ The box. 2️⃣ The ferry."),
        ("“The box. The ferry.” (The box.)", "“The box. The ferry.” (The box.)"),
        ("- The box.\n* The ferry.\n\n• **The box**", "- The box.\n* The ferry.\n\n• **The box**"),
        ("The 😆 box.", "The box."),
        ("\u200f\ufeffThe\u200b bo\u00adx.\u200e", "The box."),
    ],
)
def test_what_stands_around_a_sentence_stands_around_its_answer(text: str, kept: str) -> None:
    assert answer(small(), text)["text"] == kept


def test_the_model_is_not_given_what_stands_around() -> None:
    plain, around = small().encode("The box.", EN_FR), small().encode("😆 “The box.” ♪", EN_FR)

    assert [piece.input for piece in around.pieces] == [piece.input for piece in plain.pieces]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="Persian joins by it"),
        pytest.param("क\u094d\u200dष", "क\u094d\u200dष", id="so does Hindi"),
        pytest.param("wor\u200cd", "word", id="English does not"),
        pytest.param("葛\U000e0100", "葛", id="a variation of a sign"),
        pytest.param("❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥", id="a pictograph of two"),
    ],
)
def test_joiners_stay_where_they_mean_something(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_the_number_of_a_footnote_stands_behind_its_sentence() -> None:
    found = surrounded("The box.[12]", demo()._vocabulary.reads)

    assert (found.core, found.after) == ("The box.", "[12]")


def test_a_quote_whose_partner_is_inside_belongs_to_the_sentence() -> None:
    found = surrounded('"Why?" she asked', lambda each: True)

    assert (found.before, found.core, found.after) == ("", '"Why?" she asked', "")


@pytest.mark.parametrize(
    "sign", ["e" + "\u0316\u0301" * 200_000, "(" * 200_000, "1\u20e3" * 100_000, "-" * 200_000, "`- " * 70_000]
)
@pytest.mark.timeout(10)
def test_hostile_signs_take_no_quadratic_time(sign: str) -> None:
    small().encode(sign, EN_FR)
    small().encode(f"{sign} box {sign}", EN_FR)
