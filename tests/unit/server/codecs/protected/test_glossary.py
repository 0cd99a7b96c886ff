"""Terms of a request's glossary: where one is found, and what is no glossary."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.codecs.errors import Abandoned, CodecError
from server.codecs.translation.protected.glossary import check_glossary, pattern_of, terms_of
from server.codecs.translation.protected.letters import EDGE
from server.codecs.translation.protected.options import keep
from server.codecs.translation.protected.stand_ins import AT_ONCE, fill, take_out
from server.codecs.work import Work


def replaced(text: str, glossary: Any) -> str:
    check_glossary(glossary)
    taken, parts = take_out(text, terms_of(glossary))
    return fill(taken, iter(parts))


@pytest.mark.parametrize(
    ("text", "glossary", "said"),
    [
        ("The cart is full.", {"cart": "panier"}, "The panier is full."),
        ("cartoons and carts", {"cart": "panier"}, "cartoons and carts"),
        ("Cart and cart", {"cart": "panier"}, "Cart and panier"),
        ("the shopping cart", {"cart": "A", "shopping cart": "B"}, "the B"),
        ("a b, a b c and a b d", {"a b": "1", "a b c": "2", "a": "3"}, "1, 2 and 1 d"),
        ("New Yorker in New York", {"New York": "NY", "New": "neu"}, "neu Yorker in NY"),
        ("C++ and C", {"C++": "X", "C": "Y"}, "X and Y"),
        ("Jitneyは速い", {"Jitney": "J"}, "Jは速い"),
        ("カートを見る", {"カート": "cart"}, "cartを見る"),
        ("서울은 크다", {"서울": "Seoul"}, "Seoul은 크다"),
        ("see {cart} and https://cart.com/cart", {"cart": "X"}, "see {cart} and https://cart.com/cart"),
        ("Dr. Who's here", {"Dr. Who": "Doktor"}, "Doktor's here"),
        ("a_cart cart_b", {"cart": "X"}, "a_cart cart_b"),
        ("été été2 était", {"été": "summer"}, "summer été2 était"),
        ("New York City", {"New York": "1", "York City": "2"}, "1 City"),
        ("cart CART", {"Cart": "1", "CART": "2"}, "cart 2"),
        ("{name} <b>x</b> %s", {"{name}": "Anna", "<b>": "**", "%s": "%d"}, "Anna **x</b> %d"),
        ("{{name}} {name}", {"name": "1", "{name}": "2"}, "{{name}} 2"),
        ("Cafe\u0301 Caf\u00e9", {"Caf\u00e9": "bar"}, "bar bar"),
        ("Cafe\u0301 Caf\u00e9", {"Cafe\u0301": "bar"}, "bar bar"),
        ("Cafe\u0301 Cafe", {"Cafe": "bar"}, "Cafe\u0301 bar"),
        ("Cafe\u0301 Caf\u00e9", ["Caf\u00e9"], "Cafe\u0301 Caf\u00e9"),
        ("कमी कम", {"कम": "1"}, "कमी 1"),
        ("שלום עולם", {"עולם": "1"}, "שלום 1"),
        ("\u202bمرحبا كتاب\u202c", {"كتاب": "1"}, "\u202bمرحبا 1\u202c"),
    ],
)
def test_a_term_is_a_whole_word_in_its_own_case_and_the_longest_counts(text: str, glossary: Any, said: str) -> None:
    assert replaced(text, glossary) == said


def test_a_list_has_words_to_keep() -> None:
    taken, parts = take_out("Redis and Valkey", terms_of(["Redis"]))

    assert (parts, taken.endswith(" and Valkey")) == (["Redis"], True)


@pytest.mark.parametrize(
    ("glossary", "why"),
    [
        ("word", "must be a list"),
        (7, "must be a list"),
        ([1], "texts only"),
        ({"a": 1}, "texts only"),
        ([""], "without a word"),
        ({"a": " "}, "without a word"),
        (["a\nb"], "end of a line"),
        (["x" * 201], "more than 200 characters"),
        (["\ud800"], "surrogate"),
        ([f"word{number}" for number in range(257)], "at most 256 terms"),
        ({f"word{number}": "x" for number in range(1000)}, "at most 256 terms"),
        ({f"{number:0200}": "x" * 200 for number in range(50)}, "characters"),
    ],
)
def test_what_is_no_glossary_is_refused(glossary: Any, why: str) -> None:
    with pytest.raises(CodecError, match=why):
        check_glossary(glossary)


@pytest.mark.parametrize("glossary", [None, [], {}, ["a"] * 256])
def test_none_and_an_empty_one_and_a_full_one_are_fine(glossary: Any) -> None:
    check_glossary(glossary)


def test_a_full_glossary_over_a_long_text_takes_no_long_time() -> None:
    glossary = {f"a{number}": "x" for number in range(256)}

    assert replaced("a1 a999 " * 20_000, glossary) == "x a999 " * 20_000


NESTED = {"a " * number + "b": "x" for number in range(1, 100)}


def test_terms_that_begin_alike_cost_a_place_no_more_than_the_longest() -> None:
    assert len(pattern_of(frozenset(NESTED))) < sum(map(len, NESTED)) / 2


def test_terms_that_each_go_on_from_the_last_are_found() -> None:
    glossary = {"a" * number: str(number) for number in range(1, 170)}

    assert replaced("aaa " + "a" * 169 + " " + "a" * 170, glossary) == "3 169 " + "a" * 170


@pytest.mark.parametrize("before", range(AT_ONCE - 9, AT_ONCE + 2))
def test_a_term_is_found_where_a_long_line_is_cut(before: int) -> None:
    text = f"{'-' * before}New York {'- ' * AT_ONCE}"

    assert replaced(text, ["New York"]) == text
    assert take_out(text, {"New York": "x"})[1] == ["x"]


def test_a_line_is_no_longer_searched_when_nobody_waits() -> None:
    work = Work(deadline=2, clock=count().__next__)

    with pytest.raises(Abandoned):
        keep("a " * 4 * AT_ONCE, {"glossary": NESTED}, work)


@given(st.sets(st.text("ab é-", min_size=1, max_size=4).filter(str.strip), max_size=12), st.text("ab é-_", max_size=30))
def test_any_terms_are_found_as_by_trying_each_the_longest_first(terms: set[str], text: str) -> None:
    longest_first = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    each = re.compile(f"{EDGE}(?:{longest_first}){EDGE}") if terms else re.compile(r"(?!)")

    assert take_out(text, {term: term for term in terms})[1] == each.findall(text)
