"""What `python -m benchmarks languages` says of a detector."""

from __future__ import annotations

import pytest

from benchmarks.languages.command import foreign, kinds, main, mistakes, of_each
from benchmarks.languages.texts import Text, read_texts
from server.languages.identify import Guess

TEXTS = [Text("de", "Hallo"), Text("de", "Wo ist denn hier der Bahnhof?"), Text("fr", "Bonjour"), Text("fr", "123")]


def always_german(text: str) -> list[Guess]:
    return [Guess("de", 0.9), Guess("fr", 0.8)] if text != "123" else []


def test_there_are_four_hundred_texts_in_twenty_languages_and_more() -> None:
    texts = read_texts()

    assert len(texts) >= 400 and len({text.language for text in texts}) >= 20
    assert len(set(texts)) == len(texts) and all(text.words.strip() == text.words for text in texts)


def test_a_mistake_is_the_language_that_was_told() -> None:
    assert mistakes(TEXTS, always_german) == ["de", "-"]


def test_each_language_has_its_row_the_best_first() -> None:
    assert list(of_each(TEXTS[::-1], always_german)) == [["de", "2", "2", ""], ["fr", "2", "0", "-, de"]]


def test_each_length_has_its_row_where_there_are_texts_of_it() -> None:
    rows = list(kinds(TEXTS, always_german, rounds=1))

    assert [row[:3] for row in rows] == [
        ["all", "4", "2 (50.0 %)"],
        ["of less than 20 characters", "3", "1 (33.3 %)"],
        ["of 20 to 39", "1", "1 (100.0 %)"],
    ]


def test_texts_in_other_languages_are_counted() -> None:
    others = len([text for text in read_texts() if text.language != "de"])

    assert (
        foreign(["de"], always_german) == f"Of the {others} texts in other languages 0 are told to be in none of these."
    )
    assert foreign(["de"], lambda text: []).startswith(f"Of the {others} texts in other languages {others} are")


def test_the_command_says_it_of_the_languages_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--offered", "de,fr", "--rounds", "1"]) == 0

    assert "| all | 50 | 50 (100.0 %) |" in capsys.readouterr().out
