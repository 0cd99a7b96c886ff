"""Where a text may be cut, and that nothing of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.codecs.translation.segments import (
    clause_stops,
    divide,
    joint,
    lines,
    sentence_stops,
    stretches,
    word_stops,
)

LETTERS = "aB. ,!?\"'。、」\n\r\t\u3000\u00a0\u2028\u200b\u0301é3🦊"
texts = st.one_of(st.text(LETTERS, max_size=80), st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
exact = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def up_to(size: int, text: str) -> list[str]:
    return list(divide(text, lambda part: len(part) <= size, [clause_stops(text), word_stops(text)]))


@exact
@given(texts)
def test_lines_and_gaps_together_are_the_text(text: str) -> None:
    assert "".join(line + gap for line, gap in lines(text)) == text


@exact
@given(texts)
def test_gaps_hold_all_the_newlines_and_only_whitespace(text: str) -> None:
    pairs = list(lines(text))

    assert all(len(line.splitlines()) < 2 and line == line.strip() for line, _ in pairs)
    assert not "".join(gap for _, gap in pairs).strip()


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        pytest.param("one", [("one", "")], id="a line"),
        pytest.param("one\ntwo\n", [("one", "\n"), ("two", "\n")], id="two lines"),
        pytest.param("one\r\n\r\n \n  two", [("one", "\r\n\r\n \n  "), ("two", "")], id="blank lines and an indent"),
        pytest.param("\u3000one ", [("", "\u3000"), ("one", " ")], id="whitespace at the ends"),
        pytest.param("one\u2028two\x0bthree", [("one", "\u2028"), ("two", "\x0b"), ("three", "")], id="other breaks"),
    ],
)
def test_a_text_falls_into_lines(text: str, pairs: list[tuple[str, str]]) -> None:
    assert list(lines(text)) == pairs


def test_sentence_stops_are_where_the_next_sentence_or_line_begins() -> None:
    text = " One. Two!\n\nthree\nfour"

    stops = sentence_stops(text, "en")

    assert [text[start:end] for start, end in zip([0, *stops], stops, strict=False)] == [
        "",
        " ",
        "One. ",
        "Two!\n\n",
        "three\n",
        "four",
    ]


@pytest.mark.parametrize(
    ("source", "target", "gap", "between"),
    [
        ("en", "fr", " ", " "),
        ("en", "fr", "", ""),
        ("en", "fr", "  ", "  "),
        ("en", "ja", " ", ""),
        ("en", "zh-TW", "\t", "\t"),
        ("ja", "en", "", " "),
        ("ja", "en", "\u3000", "\u3000"),
        ("ja", "zh", "", ""),
        ("ja", "zh", " ", " "),
        ("th", "en", " ", " "),
    ],
)
def test_a_plain_gap_between_sentences_is_the_target_scripts(source: str, target: str, gap: str, between: str) -> None:
    assert joint(source, target).get(gap, gap) == between


@exact
@given(texts, st.integers(1, 20))
def test_divided_parts_fit_and_together_are_the_text(text: str, size: int) -> None:
    parts = up_to(size, text)

    assert "".join(parts) == text
    assert all(len(part) <= size for part in parts)


@pytest.mark.parametrize(
    ("text", "size", "parts"),
    [
        pytest.param("a b c d", 9, ["a b c d"], id="what fits stays whole"),
        pytest.param("one two, three four", 12, ["one two,", " three four"], id="at a clause before any other space"),
        pytest.param("ab cd ef gh", 6, ["ab cd ", "ef gh"], id="at the space nearest the middle"),
        pytest.param("abcdefgh", 4, ["abcd", "efgh"], id="between code points where nothing else is left"),
        pytest.param("a, bcd efg hij klm", 12, ["a, bcd ", "efg hij klm"], id="not at a clause near the edge"),
        pytest.param("it is 3,000 m", 8, ["it is ", "3,000 m"], id="never inside a number"),
        pytest.param("今日は、晴れです", 5, ["今日は、", "晴れです"], id="at a full-width mark without a space"),
    ],
)
def test_a_text_is_divided_where_it_hurts_least(text: str, size: int, parts: list[str]) -> None:
    assert up_to(size, text) == parts


def test_a_code_point_is_the_smallest_part() -> None:
    assert list(divide("ab", lambda part: False, [])) == ["a", "b"]


@pytest.mark.parametrize("text", ["a" * 200_000, " " * 200_000, ", " * 100_000, "a\n" * 100_000, "。" * 200_000])
@pytest.mark.timeout(5)
def test_a_hostile_text_takes_no_quadratic_time(text: str) -> None:
    list(lines(text))
    levels = [sentence_stops(text, "en"), clause_stops(text), word_stops(text)]

    assert "".join(divide(text, lambda part: len(part) <= 100, levels)) == text


@exact
@given(texts, st.integers(2, 20))
def test_stretches_are_short_and_together_the_text(text: str, most: int) -> None:
    parts = list(stretches(text, most, "en"))

    assert "".join(parts) == text
    assert all(len(part) <= most for part in parts)


def test_a_stretch_ends_after_a_sentence() -> None:
    assert list(stretches("It is late. So we go home.", 20, "en")) == ["It is late. ", "So we go home."]
