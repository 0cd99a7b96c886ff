"""Which words stand for protected parts, and when an answer counts."""

from __future__ import annotations

import pytest

from server.codecs.translation.protected.markers import MOST, Markers, found
from server.codecs.translation.protected.stand_ins import WORD


def put(text: str, words: dict[str, list[str]] | None = None, source: str = "en", target: str = "ja") -> object:
    marked = Markers(words or {}, lambda character: True).put(text.replace("_", WORD), source, target)
    return marked and (marked.text, list(marked.names))


def test_a_language_has_its_own_words() -> None:
    words = {"en": ["Anna", "Paul"], "ja": ["アンナ", "ポール"]}

    assert put("_ meets _", words) == ("Anna meets Paul", ["アンナ", "ポール"])


def test_a_language_that_has_none_has_codes() -> None:
    words = {"en": ["Anna", "Paul"]}

    assert put("_ meets _", words) == put("_ meets _") == ("X1X meets X2X", ["X1X", "X2X"])


@pytest.mark.parametrize("text", ["anna meets _", "アンナ meets _"])
def test_a_word_that_is_in_the_text_in_either_language_is_passed(text: str) -> None:
    words = {"en": ["Anna", "Paul"], "ja": ["アンナ", "ポール"]}

    assert put(text, words) == (text.replace("_", "Paul"), ["ポール"])


def test_where_words_run_out_there_are_none() -> None:
    assert put("_ and _", {"en": ["Anna"], "ja": ["アンナ"]}) is None
    assert put("_ " * MOST) is not None
    assert put("_ " * (MOST + 1)) is None


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        ("a X1X b X2X c", "a {x} b {y} c"),
        ("X2X X1X", "{y} {x}"),
        ("x1x, X 2 X.", "{x}, {y}."),
        ("X1X alone", None),
        ("X1X X2X X1X", None),
        ("X1X X12X", None),
        ("", None),
    ],
)
def test_an_answer_counts_where_each_marker_is_in_it_once(answer: str, whole: str | None) -> None:
    assert found(answer, ["X1X", "X2X"], ["{x}", "{y}"]) == whole


def test_a_part_that_looks_like_a_marker_or_a_group_is_only_text() -> None:
    assert found("X2X X1X", ["X1X", "X2X"], ["X2X", r"\1"]) == r"\1 X2X"


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Er kann auch kommen", "Anna"),
        ("Auf dem Markt", "Emma"),
        ("die Annahme", "Anna"),
        ("la clara luz", "Clara"),
        ("max 1 x", "X1X"),
        ("ジョアンナです", "アンナ"),
    ],
)
def test_no_marker_is_found_inside_other_words_or_across_them(answer: str, name: str) -> None:
    assert found(answer, [name], ["{name}"]) is None


@pytest.mark.parametrize(
    ("answer", "name", "whole"),
    [
        ("Anna kann auch kommen", "Anna", "{name} kann auch kommen"),
        ("アンナは来ます", "アンナ", "{name}は来ます"),
        ("안나는 온다", "안나", "{name}는 온다"),
        ("X 1 X는 온다", "X1X", "{name}는 온다"),
    ],
)
def test_a_marker_counts_beside_other_words_and_before_what_is_joined_to_it(answer: str, name: str, whole: str) -> None:
    assert found(answer, [name], ["{name}"]) == whole
