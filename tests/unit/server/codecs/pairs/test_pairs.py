"""Pairs of texts: joined and cut as the tokenizer's library does it, token types included."""

from __future__ import annotations

import random
from array import array
from typing import Any

import pytest
from tokenizers.models import BPE

from broker.messages import Value
from server.codecs.pairs.frame import read_frame
from server.codecs.pairs.tokenizing import PairTokenizer
from server.codecs.pairs.truncation import longest_first, only_first
from server.codecs.work import Work
from tests.unit.server.codecs.pairs.toys import BACKWARDS, BERT, CLS, ROBERTA, SEP, WORDS, card, files, toy

STRATEGIES = {"longest_first": longest_first, "only_first": only_first}


def pairs(processor: Any = BERT, **changes: Any) -> PairTokenizer:
    return PairTokenizer(card("rerank", **changes), files(processor))


def text(words: int) -> str:
    return " ".join(random.Random(words).choices(WORDS[4:], k=words))


def joined(tokenizer: PairTokenizer, first: str, second: str, strategy: str = "longest_first") -> Value:
    ids = [tokenizer.ids(first, Work()), tokenizer.ids(second, Work(), beside=len(first.split()))]
    lengths = STRATEGIES[strategy](len(ids[0]), len(ids[1]), tokenizer.room)
    return tokenizer.piece(*ids, lengths, Work()).input


def test_the_second_text_begins_where_its_token_types_do() -> None:
    assert joined(pairs(), "one two", "three") == {"ids": array("i", [CLS, 5, 6, SEP, 7, SEP]), "second": 4}


@pytest.mark.parametrize(
    ("processor", "options"),
    [
        pytest.param(ROBERTA, {"token_types": True}, id="a template with one type"),
        pytest.param(BERT, {}, id="a network without types"),
    ],
)
def test_without_token_types_ids_are_all(processor: Any, options: dict[str, Any]) -> None:
    assert isinstance(joined(pairs(processor, options=options), "one", "two"), array)


def test_separators_are_doubled_where_the_template_doubles_them() -> None:
    assert joined(pairs(ROBERTA), "one", "two") == array("i", [CLS, 5, SEP, SEP, 6, SEP])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("processor", [BERT, ROBERTA], ids=["bert", "roberta"])
@pytest.mark.parametrize("max_cost", [12, 13])
def test_what_is_too_long_is_cut_as_the_library_cuts_it(
    strategy: str, side: str, processor: Any, max_cost: int
) -> None:
    options = {"token_types": True, "truncation_side": side}
    tokenizer, library = pairs(processor, max_cost=max_cost, options=options), toy(processor)
    library.enable_truncation(max_cost, strategy=strategy, direction=side)
    longest = 4 if strategy == "only_first" else 20  # tokens of the second text, which leaves room for the first

    for first in range(1, 20):
        for second in range(1, longest):
            expected = library.encode(text(first), text(second))
            found: Any = joined(tokenizer, text(first), text(second), strategy)
            ids, at = (found["ids"], found["second"]) if isinstance(found, dict) else (found, len(found))
            assert ids.tolist() == expected.ids, (first, second)
            assert [int(place >= at) for place in range(len(ids))] == expected.type_ids


def test_of_two_long_texts_the_longer_is_cut_first_however_late_its_words_come() -> None:
    query, late = "one " * 60, ("two" + " " * 500) * 34 + "three " * 100  # more than a stretch, and at first few words
    library = toy()
    library.enable_truncation(12, strategy="longest_first")

    found: Any = joined(pairs(), query, late)

    assert found["ids"].tolist() == library.encode(query, late).ids


def test_a_template_that_turns_the_texts_round_is_refused() -> None:
    with pytest.raises(ValueError, match="template for pairs that is not served"):
        read_frame(toy(BACKWARDS))


def test_a_model_too_short_for_two_texts_is_refused() -> None:
    with pytest.raises(ValueError, match="no room for two texts"):
        pairs(max_cost=4)


def test_a_vocabulary_without_common_words_has_a_frame_too() -> None:
    tokenizer = toy()
    tokenizer.model = BPE({"[CLS]": CLS, "[SEP]": SEP, "ß": 3}, [])

    assert read_frame(tokenizer).size == 3


def test_a_vocabulary_of_special_tokens_alone_is_refused() -> None:
    tokenizer = toy()
    tokenizer.model = BPE({}, [])

    with pytest.raises(ValueError, match="no token for any word"):
        read_frame(tokenizer)
