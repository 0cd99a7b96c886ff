"""Which of a model's languages a text is in."""

from __future__ import annotations

import pycld2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.languages.texts import read_texts
from demo.phrasebook import LANGUAGES
from server.codecs.translation.flores import SHORT
from server.codecs.translation.languages import by_tag
from server.codecs.translation.writing_systems import SCRIPTS
from server.languages.detectors import USUAL
from server.languages.identify import Identify, identifier

DEMO = identifier(by_tag(LANGUAGES))
M2M100 = identifier(by_tag(SCRIPTS))
NLLB = ("eng_Latn", "deu_Latn", "zho_Hans", "zho_Hant", "pes_Arab", "swh_Latn", "zsm_Latn", "nob_Latn", "heb_Hebr")
ANY_TEXT = st.text(max_size=1200) | st.lists(st.sampled_from([text.words for text in read_texts()])).map("".join)


def told(identify: Identify, text: str) -> str | None:
    return next((guess.code for guess in identify(text)), None)


def share_right(identify: Identify, languages: tuple[str, ...]) -> float:
    texts = [text for text in read_texts() if text.language in languages]
    return sum(told(identify, text.words) == text.language for text in texts) / len(texts)


def test_short_texts_in_many_languages_are_told_right_among_a_hundred() -> None:
    assert share_right(M2M100, tuple(SCRIPTS)) >= 0.96  # 0.970 as measured


def test_short_texts_in_the_demos_languages_are_told_right_among_these() -> None:
    assert share_right(DEMO, LANGUAGES) >= 0.99  # all of them, as measured


def test_most_texts_in_other_languages_are_told_to_be_in_none_of_the_models() -> None:
    texts = [text for text in read_texts() if text.language not in LANGUAGES]

    assert sum(DEMO(text.words) == [] for text in texts) / len(texts) >= 0.9  # 0.939 as measured


def test_what_looks_a_little_more_like_another_language_is_still_told_among_the_models() -> None:
    norwegian = "Denne filmen er mye bedre enn boka."

    assert (told(M2M100, norwegian), told(identifier(by_tag(["en", "da"])), norwegian)) == ("no", "da")


@pytest.mark.parametrize(
    "text", ["wo isst der banhof", "Enregister les modifcations", "donde esta la estacion", "Menu"]
)
def test_words_that_are_misspelt_or_alone_are_told_all_the_same(text: str) -> None:
    assert told(DEMO, text) in LANGUAGES


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is the train station?", "eng_Latn"),
        ("کجاست ایستگاه قطار؟", "pes_Arab"),
        ("Hvor er togstasjonen, og når går toget?", "nob_Latn"),
        ("איפה תחנת הרכבת?", "heb_Hebr"),
        ("孩子们在房子后面的花园里玩耍。", "zho_Hans"),
    ],
)
def test_a_language_is_told_by_the_models_own_code(text: str, code: str) -> None:
    assert told(identifier(by_tag(NLLB)), text) == code


def test_cld2_tells_what_eld_does_not_know() -> None:
    assert told(M2M100, "Watoto wanacheza bustanini nyuma ya nyumba.") == "sw"


def test_what_cld2_calls_a_language_is_what_tags_call_it() -> None:
    shorter = {code: SHORT[code] for _, code in pycld2.LANGUAGES if code in SHORT}

    assert shorter == USUAL


def test_cld2_is_not_asked_where_eld_knows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def unasked(*_: object, **__: object) -> None:
        raise AssertionError("CLD2 was asked")

    monkeypatch.setattr(pycld2, "detect", unasked)

    assert told(DEMO, "Wo ist der Bahnhof?") == "de"


def test_a_model_may_speak_only_languages_that_eld_does_not_know() -> None:
    assert told(identifier(by_tag(["sw", "zu"])), "Watoto wanacheza bustanini nyuma ya nyumba.") == "sw"


def test_a_model_may_speak_only_languages_that_neither_knows() -> None:
    assert identifier(by_tag(["xx"]))("Where is the train station?") == []


@pytest.mark.parametrize("text", ["", "   ", "😀😀", "1234", "12:30 – 14:00", "გამარჯობა", "Привет, мир!"])
def test_nothing_is_told_where_no_letter_is_of_the_models_scripts(text: str) -> None:
    assert DEMO(text) == []


@pytest.mark.parametrize("control", ["\0", "\x01", "\x1b", "\x85", "\t", "\r\n"])
def test_control_characters_hide_no_text(control: str) -> None:
    assert told(M2M100, f"{control}Watoto wanacheza{control}bustanini nyuma ya nyumba.") == "sw"
    assert told(DEMO, f"{control}Wo ist{control}der Bahnhof?") == "de"


def test_only_what_a_text_begins_with_is_read() -> None:
    german, english = "Die Kinder spielen im Garten. ", "The children are playing in the garden. "

    assert told(M2M100, german * 40 + english * 4000) == "de"


@given(text=ANY_TEXT)
def test_of_any_text_each_guess_is_a_language_of_the_model_and_the_best_comes_first(text: str) -> None:
    guesses = M2M100(text)

    assert all(guess.code in SCRIPTS and 0 <= guess.score <= 1 for guess in guesses)
    assert [guess.score for guess in guesses] == sorted((guess.score for guess in guesses), reverse=True)
    assert len({guess.code for guess in guesses}) == len(guesses)
