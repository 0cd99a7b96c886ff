"""`"fromLang": "auto"`: each record is translated from the language that it is in."""

from __future__ import annotations

from typing import Any

import pytest

from server.codecs import make_codec
from server.codecs.errors import CodecError
from server.codecs.translation.auto import AutoCodec
from server.languages import identify
from tests.unit.server.codecs.samples import tokenizer_files, translation_card
from tests.unit.server.codecs.translating import EN_JA

TO_JA = {"fromLang": "auto", "toLang": "ja"}
GERMAN = "Die Straße ist heute gesperrt."
FRENCH = "Où est la gare, s'il vous plaît ?"


def auto() -> AutoCodec:
    made = make_codec(translation_card(), tokenizer_files())
    assert isinstance(made, AutoCodec)
    return made


def echo(codec: AutoCodec, text: str, options: dict[str, str]) -> dict[str, Any]:
    """The answer, as of a model that repeats its input."""
    plan = codec.encode(text, options)
    return codec.decode(plan, [piece.input["source"] for piece in plan.pieces])


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identify, "find_spec", lambda name: None)


@pytest.mark.parametrize(("text", "code"), [(GERMAN, "de"), (FRENCH, "fr"), ("Завтра мы поедем на дачу.", "ru")])
def test_a_record_makes_the_jobs_that_it_makes_from_its_language(text: str, code: str) -> None:
    found = auto().encode(text, TO_JA)

    assert found.pieces == auto().encode(text, {"fromLang": code, "toLang": "ja"}).pieces != ()


def test_the_answer_says_which_language_was_found() -> None:
    answer = echo(auto(), GERMAN, TO_JA)

    assert (answer["text"], answer["detectedLang"]) == (GERMAN, "de")
    assert 0 < answer["detectedScore"] <= 1


def test_an_answer_from_a_named_language_says_nothing_of_it() -> None:
    assert echo(auto(), GERMAN, {"fromLang": "de", "toLang": "ja"}).keys() == {"text"}


def test_a_text_that_is_in_the_target_language_comes_back_as_it_is() -> None:
    plan = auto().encode("駅はどこですか？", TO_JA)

    answer = auto().decode(plan, [])

    assert (plan.pieces, answer["text"], answer["detectedLang"]) == ((), "駅はどこですか？", "ja")


@pytest.mark.parametrize("text", ["", " \n ", "😀", "12.30 €", "გამარჯობა"])
def test_a_text_whose_language_is_not_found_comes_back_as_it_is_and_says_none(text: str) -> None:
    plan = auto().encode(text, TO_JA)

    assert (plan.pieces, auto().decode(plan, [])) == ((), {"text": text})


def test_markup_is_no_part_of_what_an_html_text_says() -> None:
    marked = f'<p class="the children are playing" title="in the garden behind the house">{GERMAN}</p>'

    assert echo(auto(), marked, {**TO_JA, "format": "html"})["detectedLang"] == "de"


@pytest.mark.parametrize(
    "before",
    [
        "<style>p > a {}</style>" * 1000,
        '<img src="data:' + "A" * 40_000 + '">',
        "<!-- the children -->" * 1000,
        " \n" * 9999,
    ],
    ids=lambda before: before[:6],
)
def test_html_is_known_by_its_words_however_late_they_begin(before: str) -> None:
    assert echo(auto(), f"{before}<p>{GERMAN}</p>", {**TO_JA, "format": "html"})["detectedLang"] == "de"


@pytest.mark.parametrize(
    "before", [" \n" * 1000, "0123456789 " * 200, "https://example.com/" + "the-children/" * 99 + " "]
)
def test_a_text_is_known_by_its_words_however_late_they_begin(before: str) -> None:
    assert echo(auto(), before + GERMAN, TO_JA)["detectedLang"] == "de"


@pytest.mark.parametrize(("first", "then", "code"), [(GERMAN, FRENCH, "de"), (FRENCH, GERMAN, "fr")])
@pytest.mark.parametrize("format", ["text", "html"])
def test_a_long_text_in_two_languages_is_in_that_of_its_beginning(
    first: str, then: str, code: str, format: str
) -> None:
    text = f"{first} " * 40 + f"{then} " * 4000

    answer = echo(auto(), text, {**TO_JA, "format": format})

    assert answer["detectedLang"] == code
    assert answer["text"].count(then.rstrip("? ")) == 4000


def test_of_a_short_text_in_two_languages_the_most_words_decide() -> None:
    assert auto().identify(f"{GERMAN} Thanks! {GERMAN}")[0].code == "de"


def test_html_without_words_comes_back_as_it_is() -> None:
    picture = '<p><img src="the-children-are-playing.png"></p>'
    plan = auto().encode(picture, {**TO_JA, "format": "html"})

    assert auto().decode(plan, []) == {"text": picture}


def test_what_an_answer_says_besides_stays() -> None:
    codec = auto()
    plan = codec.encode(GERMAN, TO_JA)

    answer = codec.decode(plan, [{"pieces": piece.input["source"], "truncated": True} for piece in plan.pieces])

    assert answer["truncated"] is True and answer["detectedLang"] == "de"


def test_characters_without_a_token_are_still_counted() -> None:
    text = f"{GERMAN} 🦄"

    assert auto().encode(text, TO_JA).unknown == auto().encode(text, {"fromLang": "de", "toLang": "ja"}).unknown == 1


@pytest.mark.parametrize("target", [None, "", "auto", "tlh"])
def test_the_target_must_still_be_a_language_of_the_model(target: Any) -> None:
    with pytest.raises(CodecError, match="toLang") as refused:
        auto().check({"fromLang": "auto", "toLang": target})

    assert refused.value.code == "unknown_language"


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(CodecError, match="surrogate"):
        auto().encode("Die Straße \ud800 ist gesperrt.", TO_JA)


def test_bytes_are_no_text() -> None:
    with pytest.raises(CodecError, match="bytes"):
        auto().encode(b"Die Stra\xc3\x9fe", TO_JA)


@pytest.mark.usefixtures("not_installed")
def test_where_the_extra_is_missing_auto_is_refused_and_names_it() -> None:
    with pytest.raises(CodecError, match=r"pip install 'jitney\[server,langid\]'") as refused:
        auto().check(TO_JA)

    assert refused.value.code == "unknown_language" and "de" in refused.value.extra["languages"]


@pytest.mark.usefixtures("not_installed")
def test_where_the_extra_is_missing_nothing_can_be_identified() -> None:
    with pytest.raises(CodecError, match="langid"):
        auto().identify(GERMAN)


@pytest.mark.usefixtures("not_installed")
def test_where_the_extra_is_missing_named_languages_are_read_as_ever() -> None:
    auto().check(EN_JA)

    assert echo(auto(), "Life is like a box.", EN_JA) == {"text": "Life is like a box."}
