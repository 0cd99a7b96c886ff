"""Reranking: one query beside each text, a score out, and a word where something of a pair was not read."""

from __future__ import annotations

import itertools
from array import array
from typing import Any

import pytest

from server.codecs.errors import Abandoned, CodecError
from server.codecs.pairs.limits import LONGEST_QUERY
from server.codecs.pairs.rerank import RerankCodec
from server.codecs.work import Work
from tests.unit.server.codecs.pairs.toys import CLS, SEP, card, files


def codec(**changes: Any) -> RerankCodec:
    return RerankCodec(card("rerank", **changes), files())


def test_the_query_stands_before_the_text() -> None:
    (piece,) = codec().encode("two three", {"query": "one"}).pieces

    assert piece.input == {"ids": array("i", [CLS, 5, SEP, 6, 7, SEP]), "second": 3}
    assert piece.cost == 6


def test_a_score_has_no_more_digits_than_it_means() -> None:
    plan = codec().encode("two", {"query": "one"})

    assert codec().decode(plan, [array("f", [0.9])]) == {"score": 0.9}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        pytest.param("one", "two " * 9, id="the text"),
        pytest.param("one " * 9, "two", id="the query"),
        pytest.param("one " * 9, "two " * 9, id="both"),
    ],
)
def test_what_was_not_read_is_said(query: str, text: str) -> None:
    plan = codec().encode(text, {"query": query})

    assert codec().decode(plan, [[0.5]]) == {"score": 0.5, "truncated": True}
    assert plan.pieces[0].cost == 12


@pytest.mark.parametrize(
    ("options", "why", "code"),
    [
        ({}, "query must be a text", "invalid_input"),
        ({"query": 7}, "query must be a text", "invalid_input"),
        ({"query": " \n"}, "query is empty", "invalid_input"),
        ({"query": "one \ud83d"}, "surrogate", "invalid_input"),
        ({"query": "a" * (LONGEST_QUERY + 1)}, "more than 16384 characters", "too_large"),
        ({"query": "one", "topK": 0}, "topK must be a positive integer", "invalid_input"),
    ],
)
def test_a_query_that_no_text_could_answer_is_refused(options: dict[str, Any], why: str, code: str) -> None:
    with pytest.raises(CodecError, match=why) as refused:
        codec().check(options)

    assert refused.value.code == code


def test_an_empty_text_is_invalid_by_itself() -> None:
    with pytest.raises(CodecError, match="text is empty"):
        codec().encode(" ", {"query": "one"})


@pytest.mark.parametrize("output", [[0.1, 0.2], [], {"score": 0.5}, "good"])
def test_what_is_no_score_is_an_error(output: Any) -> None:
    with pytest.raises(ValueError):
        codec().decode(codec().encode("two", {"query": "one"}), [output])


def test_of_a_long_text_no_more_is_read_than_shows_where_to_cut() -> None:
    reading, ticks = codec(), itertools.count()

    (piece,) = reading.encode("two " * 250_000, {"query": "one"}, Work(deadline=9, clock=lambda: next(ticks))).pieces

    assert piece.input["ids"].tolist() == [CLS, 5, SEP, *[6] * 8, SEP]


def test_nobody_is_computed_for_who_has_gone() -> None:
    work = Work()
    work.stop()

    with pytest.raises(Abandoned):
        codec().encode("two", {"query": "one"}, work)
