"""Where M2M100's texts are cut, and how they are put together again."""

from __future__ import annotations

from typing import Any

import pytest

from server.codecs.errors import CodecError
from server.codecs.translation.m2m100 import M2M100Codec
from tests.unit.server.codecs.samples import tokenizer_files, translation_card
from tests.unit.server.codecs.translating import EN_JA, JA_EN, codec, echo, sources


def test_newlines_and_indents_come_back_verbatim() -> None:
    text = "  the ferry\r\n\r\n\tthe box \n\u3000\nof bread\n"

    assert echo(codec(), text, EN_JA) == text


def test_each_line_is_a_piece_and_a_blank_line_is_none() -> None:
    assert len(codec().encode("one\n\n  \ntwo\nthree", EN_JA).pieces) == 3


def test_a_line_the_tokenizer_cannot_see_stays_where_it_is() -> None:
    text = "the box\n\u200b\nthe ferry"

    plan = codec().encode(text, EN_JA)

    assert len(plan.pieces) == 2
    assert echo(codec(), text, EN_JA) == text


@pytest.mark.timeout(5)
def test_lines_the_tokenizer_cannot_see_take_no_quadratic_time() -> None:
    text = "\u200b\n" * 100_000

    assert echo(codec(), text, EN_JA) == text


def test_a_line_over_the_budget_is_cut_into_sentences() -> None:
    text = "Life is like a box. The ferry leaves at seven. Nobody wants to miss it!"

    plan = codec(max_cost=20).encode(text, EN_JA)

    sentences = ["Life is like a box.", "The ferry leaves at seven.", "Nobody wants to miss it!"]
    assert sources(plan) == [sources(codec().encode(sentence, EN_JA))[0] for sentence in sentences]


def test_sentences_are_pieces_of_their_own() -> None:
    assert len(codec().encode("Life is like a box. The ferry leaves at seven.", EN_JA).pieces) == 2


def test_split_by_budget_leaves_a_line_whole_that_fits() -> None:
    options = translation_card().options | {"split": "budget"}

    assert len(codec(options=options).encode("Life is like a box. The ferry leaves.", EN_JA).pieces) == 1


@pytest.mark.parametrize("split", ["sentence", "budget"])
def test_a_piece_leaves_room_for_an_answer_of_more_tokens(split: str) -> None:
    options = translation_card().options | {"longest_answer": 60, "split": split}
    text = "the ferry leaves at seven, and nobody wants to miss the box of bread, " * 9

    plan = codec(options=options).encode(text, EN_JA)

    assert 12 < max(piece.cost - 2 for piece in plan.pieces) <= 60 / 2.5


def test_answers_of_a_few_tokens_do_not_make_pieces_of_one() -> None:
    options = translation_card().options | {"longest_answer": 4}

    assert len(codec(options=options).encode("the box of bread", EN_JA).pieces) == 1


@pytest.mark.parametrize(
    ("options", "text", "answer"),
    [
        (EN_JA, "Life is like a box. The ferry leaves.\nIt.", "Life is like a box.The ferry leaves.\nIt."),
        (JA_EN, "駅はどこですか。人生は箱のようだ。", "駅はどこですか。 人生は箱のようだ。"),
    ],
)
def test_between_sentences_stands_the_separator_of_the_target(options: Any, text: str, answer: str) -> None:
    assert echo(codec(max_cost=14), text, options) == answer


def test_a_piece_has_no_whitespace_at_its_ends() -> None:
    files = tokenizer_files(normalization_rule_name="identity")  # to which a thin space is an unknown word

    plan = M2M100Codec(translation_card(max_cost=14), files).encode("Life is like a box.\u2009The ferry leaves.", EN_JA)

    assert (len(plan.pieces), plan.unknown) == (2, 0)


def test_whitespace_between_parts_is_no_piece() -> None:
    text = "x" * 40 + " " * 200 + "y" * 40

    assert echo(codec(max_cost=10), text, {"fromLang": "en", "toLang": "fr"}) == text


def test_no_piece_is_larger_than_the_budget() -> None:
    text = "the ferry leaves at seven, and nobody wants to miss it, " * 20 + "x" * 200

    plan = codec(max_cost=16).encode(text, EN_JA)

    assert max(piece.cost for piece in plan.pieces) <= 16


def test_pieces_of_a_long_sentence_hold_all_its_words() -> None:
    text = "the ferry leaves at seven, and nobody wants to miss the box of bread"

    assert echo(codec(max_cost=14), text, {"fromLang": "en", "toLang": "fr"}) == text


def test_a_character_larger_than_the_budget_is_too_large() -> None:
    sign = "\ufb03"  # one letter that NFKC spells out in three

    with pytest.raises(CodecError) as caught:
        codec(max_cost=4).encode(sign, EN_JA)

    assert caught.value.code == "too_large"
