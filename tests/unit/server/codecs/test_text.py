"""Texts for classification and embedding, and how the outputs of a long one become one."""

from __future__ import annotations

from array import array
from math import hypot, isclose
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import ByteLevel, Whitespace
from tokenizers.processors import TemplateProcessing

from broker.messages import ModelCard
from server.codecs.errors import CodecError
from server.codecs.text import TextCodec

WORDS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", ".", "one", "two", "three", "four", "five"]
CLS, SEP = 1, 2


def tokenizer_json() -> bytes:
    """One token a word, in the frame of BERT, with the padding and truncation of somebody's training run."""
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.enable_padding(pad_id=3, pad_token="[PAD]", length=16)
    tokenizer.enable_truncation(4)
    return str(tokenizer.to_str()).encode()


def byte_by_byte() -> bytes:
    """One token a byte: four for a fox."""
    alphabet = sorted(ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({byte: number for number, byte in enumerate(["[CLS]", "[SEP]", *alphabet])}, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)])
    return str(tokenizer.to_str()).encode()


def codec(*, tokenizer: bytes | None = None, **changes: Any) -> TextCodec:
    fields: dict[str, Any] = {
        "name": "mood",
        "task": "classification",
        "codec": "text",
        "revision": "1",
        "labels": ("sad", "calm", "glad"),
    }
    return TextCodec(ModelCard(**fields | changes), {"tokenizer.json": tokenizer or tokenizer_json()})


def test_ids_are_neither_padded_nor_truncated() -> None:
    (piece,) = codec().encode("one two three four five", {}).pieces

    assert piece.input == array("i", [CLS, 5, 6, 7, 8, 9, SEP])
    assert piece.cost == 7


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
@pytest.mark.parametrize("task", ["classification", "embedding"])
def test_a_text_without_words_is_invalid_input(task: str, text: str) -> None:
    with pytest.raises(CodecError, match="text is empty") as caught:
        codec(task=task).encode(text, {})

    assert caught.value.code == "invalid_input"


def test_half_a_surrogate_pair_is_invalid_input() -> None:
    with pytest.raises(CodecError, match="surrogate") as caught:
        codec().encode("one \udfff", {})

    assert caught.value.code == "invalid_input"


def test_a_null_byte_is_a_character_like_others() -> None:
    assert codec().encode("one \0", {}).pieces


def test_a_long_text_is_cut_between_sentences() -> None:
    plan = codec(max_cost=8).encode("one two three. four five. one one. two", {})

    assert [piece.input.tolist()[1:-1] for piece in plan.pieces] == [[5, 6, 7, 4], [8, 9, 4], [5, 5, 4, 6]]


def test_no_piece_is_larger_than_the_budget() -> None:
    plan = codec(max_cost=5).encode("one two three four five " * 50, {})

    assert max(piece.cost for piece in plan.pieces) <= 5


def test_a_character_larger_than_the_budget_is_too_large() -> None:
    with pytest.raises(CodecError) as caught:
        codec(max_cost=5, tokenizer=byte_by_byte()).encode("🦊🦊", {})

    assert caught.value.code == "too_large"


def test_the_best_label_comes_with_its_score() -> None:
    plan = codec().encode("one", {})

    assert codec().decode(plan, [array("f", [0.1, 0.2, 0.7])]) == {"label": "glad", "score": 0.7}


def test_more_labels_come_in_order_where_they_are_asked_for() -> None:
    plan = codec().encode("one", {"topK": 2})

    assert codec().decode(plan, [array("f", [0.1, 0.2, 0.7])]) == {
        "label": "glad",
        "score": 0.7,
        "labels": [{"label": "glad", "score": 0.7}, {"label": "calm", "score": 0.2}],
    }


def test_top_k_is_capped_by_the_labels_there_are() -> None:
    plan = codec().encode("one", {"topK": 99})

    assert len(codec().decode(plan, [array("f", [0.1, 0.2, 0.7])])["labels"]) == 3


@pytest.mark.parametrize("top", [0, -1, 1.5, "2", True, [1]])
def test_top_k_must_be_a_positive_integer(top: Any) -> None:
    with pytest.raises(CodecError, match="topK") as caught:
        codec().check({"topK": top})

    assert caught.value.code == "invalid_input"


@pytest.mark.parametrize("options", [{}, {"topK": None}, {"topK": 1}, {"topK": 3}, {"fromLang": "xx"}])
def test_other_options_pass_the_check(options: dict[str, Any]) -> None:
    codec().check(options)


def test_scores_of_a_long_text_are_the_mean_weighted_by_tokens() -> None:
    plan = codec(max_cost=6).encode("one two three. four.", {"topK": 3})
    assert [piece.cost for piece in plan.pieces] == [6, 4]

    answer = codec().decode(plan, [array("f", [1.0, 0.0, 0.0]), array("f", [0.0, 0.0, 1.0])])

    assert answer["labels"] == [
        {"label": "sad", "score": 0.6},
        {"label": "glad", "score": 0.4},
        {"label": "calm", "score": 0.0},
    ]


def test_an_embedding_is_the_models_vector_bit_by_bit() -> None:
    vector = array("f", [0.6, -0.8])
    plan = codec(task="embedding").encode("one", {})

    answer = codec(task="embedding").decode(plan, [vector])

    assert array("f", answer["embedding"]) == vector


def test_the_embedding_of_a_long_text_is_the_mean_scaled_to_length_one() -> None:
    embedder = codec(task="embedding", max_cost=6)
    plan = embedder.encode("one two three. four.", {})

    vector = embedder.decode(plan, [array("f", [1.0, 0.0]), array("f", [0.0, 1.0])])["embedding"]

    assert isclose(hypot(*vector), 1.0)
    assert isclose(vector[0] / vector[1], 6 / 4)


def test_another_task_gets_the_models_own_fields() -> None:
    custom = codec(task="tagging")
    plan = custom.encode("one", {})

    assert custom.decode(plan, [{"tags": array("i", [1, 2])}]) == {"tags": [1, 2]}


def test_another_task_is_not_cut() -> None:
    with pytest.raises(CodecError) as caught:
        codec(task="tagging", max_cost=4).encode("one two three", {})

    assert caught.value.code == "too_large"


def test_scores_that_do_not_match_the_labels_are_an_error() -> None:
    plan = codec().encode("one", {})

    with pytest.raises(ValueError, match="argument"):
        codec().decode(plan, [array("f", [0.5, 0.5])])


@pytest.mark.parametrize("task", ["embedding", "classification"])
@pytest.mark.parametrize("output", [{"a": 1, "b": 2, "c": 3}, "abc", b"abc", ["a", "b", "c"], [True] * 3, None, 1.0])
def test_what_is_no_list_of_numbers_is_nobodys_vector(task: str, output: Any) -> None:
    made = codec(task=task)

    with pytest.raises(ValueError, match="in place of numbers"):
        made.decode(made.encode("one", {}), [output])


@pytest.mark.parametrize("files", [{}, {"tokenizer.json": b"{}"}, {"tokenizer.json": b"\xff"}])
def test_a_file_that_is_missing_or_broken_is_a_clear_error(files: dict[str, bytes]) -> None:
    card = ModelCard(name="mood", task="embedding", codec="text", revision="1")

    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        TextCodec(card, files)


@pytest.mark.parametrize("changes", [{"labels": ()}, {"max_cost": 2}])
def test_a_card_that_cannot_work_is_a_clear_error(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="model mood"):
        codec(**changes)


def embedder(**options: Any) -> TextCodec:
    return codec(task="embedding", max_cost=6, options=options)


def ids_of(text: str, codec: TextCodec, **options: Any) -> list[Any]:
    return [piece.input for piece in codec.encode(text, options).pieces]


PROMPTS = {"query": "one two", "document": ""}


def test_a_prompt_stands_before_the_text_and_the_default_one_where_none_is_named() -> None:
    prompted = embedder(prompts=PROMPTS, default_prompt="query")

    assert ids_of(" three", prompted) == [array("i", [CLS, 5, 6, 7, SEP])]
    assert ids_of(" three", prompted, promptName="document") == [array("i", [CLS, 7, SEP])]
    assert ids_of(" three", prompted, promptName="") == [array("i", [CLS, 7, SEP])]


def test_tokens_that_are_not_pooled_travel_with_their_number() -> None:
    prompted = embedder(prompts=PROMPTS, uncounted={"query": 3, "document": 0})

    assert ids_of(" three", prompted, promptName="query") == [{"ids": array("i", [CLS, 5, 6, 7, SEP]), "prompt": 3}]
    assert ids_of(" three", prompted) == [array("i", [CLS, 7, SEP])]


@pytest.mark.parametrize("name", ["quest", 5, ["query"]])
def test_an_unknown_prompt_is_invalid_input_with_those_there_are(name: Any) -> None:
    with pytest.raises(CodecError, match="it has document, query") as caught:
        embedder(prompts=PROMPTS).check({"promptName": name})

    assert (caught.value.code, caught.value.extra) == ("invalid_input", {"prompts": ["document", "query"]})


def test_a_text_that_adds_nothing_to_its_prompt_is_empty() -> None:
    with pytest.raises(CodecError, match="text is empty"):
        embedder(prompts=PROMPTS).encode("  ", {"promptName": "query"})


@pytest.mark.parametrize(("side", "kept"), [("right", [5, 6, 7, 8]), ("left", [9, 5, 6, 7])])
@pytest.mark.parametrize("repeated", [1, 5_000], ids=["short", "long"])
def test_a_text_is_truncated_where_the_card_says_so(side: str, kept: list[int], repeated: int) -> None:
    text = "one two three four five " * repeated + "one two three"

    (ids,) = ids_of(text, embedder(long_text="truncate", truncation_side=side))

    assert ids == array("i", [CLS, *kept, SEP])


def test_a_text_of_nothing_but_blanks_at_its_beginning_is_still_truncated_rightly() -> None:
    (ids,) = ids_of(" " * 100_000 + "one two three four five", embedder(long_text="truncate"))

    assert ids == array("i", [CLS, 5, 6, 7, 8, SEP])


def test_the_mean_of_vectors_that_have_no_length_of_one_has_none() -> None:
    plain = embedder(is_unit=False)
    plan = plain.encode("one two three. four.", {})

    vector = plain.decode(plan, [array("f", [1.0, 0.0]), array("f", [0.0, 1.0])])["embedding"]

    assert vector == [0.6, 0.4]
