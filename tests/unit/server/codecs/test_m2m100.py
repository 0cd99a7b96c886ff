"""M2M100's ids, and what becomes of empty, hostile and foreign texts."""

from __future__ import annotations

from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from broker import wire
from broker.messages import Result, Timing
from server.codecs.errors import Abandoned, CodecError, RequestTooLarge
from server.codecs.translation import m2m100
from server.codecs.translation.m2m100 import M2M100Codec
from server.codecs.work import Work
from tests.unit.server.codecs.samples import (
    CODES,
    FOREIGN,
    MISSING,
    SENTENCES,
    tokenizer_files,
    translation_card,
    vocab,
)
from tests.unit.server.codecs.translating import EN_JA, JA_EN, codec, echo, sources

EOS, UNK = 2, 3


def language(code: str) -> int:
    return len(vocab()) + CODES.index(code)


def marks(codec: M2M100Codec, text: str, options: dict[str, str]) -> dict[str, Any]:
    """What an answer says besides its text."""
    plan = codec.encode(text, options)
    answer = codec.decode(plan, [piece.input["source"] for piece in plan.pieces])
    return {name: value for name, value in answer.items() if name != "text"}


def test_a_piece_is_framed_by_its_language_and_the_end() -> None:
    (piece,) = codec().encode("駅はどこですか？", JA_EN).pieces

    assert piece.input["source"].typecode == "i"
    assert (piece.input["source"][0], piece.input["source"][-1]) == (language("ja"), EOS)
    assert piece.input["target"] == language("en")


def test_the_cost_of_a_piece_is_all_its_tokens() -> None:
    (piece,) = codec().encode("Life is like a box.", EN_JA).pieces

    assert piece.cost == len(piece.input["source"])


@pytest.mark.parametrize("text", ["</s>", "</s", "__fr__", "<pad>", "<unk>", "<s>", "a </s> b __ja__ c"])
def test_special_tokens_in_a_text_are_only_text(text: str) -> None:
    ids = {number for piece in sources(codec().encode(text, EN_JA)) for number in piece}

    specials = {0, 1, EOS, *range(len(vocab()), len(vocab()) + len(CODES))}
    assert not specials & ids
    assert bool(ids) or echo(codec(), text, EN_JA) == text  # what looks like a tag comes back


def test_what_the_vocabulary_lacks_is_counted() -> None:
    plan = codec().encode(MISSING.removeprefix("▁") + " and ѿ", EN_JA)

    assert plan.unknown == len("chocolates") + 1


@pytest.mark.parametrize("line", ["🙂", "1", "- - -", "1. 2,5! «3»"])
def test_lines_without_letters_are_no_jobs_however_many(line: str) -> None:
    text = "\n".join([line] * 100)

    plan = codec().encode(text, EN_JA, Work(jobs=1))

    assert (plan.pieces, plan.memo) == ([], (text,))


def test_lines_with_letters_are_refused_before_they_are_made() -> None:
    with pytest.raises(RequestTooLarge):
        codec().encode("1\nan ox\n2\nan egg\n", EN_JA, Work(jobs=1))


def test_the_deadline_is_looked_at_while_a_long_line_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    work, seen = Work(), []
    monkeypatch.setattr(m2m100, "sentences", lambda text, language: [seen.append(len(text)) or work.stop() or text])

    with pytest.raises(Abandoned):
        codec().encode("Mr. " * 100_000, EN_JA, work)

    assert len(seen) == 1
    assert seen[0] <= 1 << 16


def test_what_the_vocabulary_lacks_is_told() -> None:
    assert marks(codec(), "the ѿ box of 🙂 bread", EN_JA) == {"unread": 2}


def test_a_word_that_only_the_vocabulary_knows_has_its_id() -> None:
    (ids,) = sources(codec().encode(f"the {FOREIGN} sleeps", EN_JA))

    assert vocab()[FOREIGN] in ids


def test_a_word_that_only_the_vocabulary_knows_comes_back() -> None:
    assert echo(codec(), f"the {FOREIGN} leaves", EN_JA) == f"the {FOREIGN} leaves"


@pytest.mark.parametrize("code", SENTENCES)
def test_text_survives_its_own_ids(code: str) -> None:
    text = SENTENCES[code][1].replace("\u3000", " ")
    other = "fr" if code != "fr" else "en"

    answer = echo(codec(), text, {"fromLang": code, "toLang": other})

    # SentencePiece folds full-width signs (NFKC); nothing else may change.
    assert answer == text.translate(str.maketrans("？", "?"))


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u3000\t"])
def test_a_text_without_words_answers_itself(text: str) -> None:
    plan = codec().encode(text, EN_JA)

    assert not plan.pieces
    assert codec().decode(plan, []) == {"text": text}


def test_the_same_language_answers_itself() -> None:
    plan = codec().encode(" As it is.\n", {"fromLang": "en-GB", "toLang": "EN"})

    assert not plan.pieces
    assert codec().decode(plan, []) == {"text": " As it is.\n"}


def test_half_a_surrogate_pair_is_invalid_input() -> None:
    with pytest.raises(CodecError, match="surrogate") as caught:
        codec().encode("a\ud800b", EN_JA)

    assert caught.value.code == "invalid_input"


def test_half_a_surrogate_pair_does_not_answer_itself() -> None:
    with pytest.raises(CodecError, match="surrogate"):
        codec().encode("\ud800", {"fromLang": "en", "toLang": "en"})


def test_a_null_byte_is_a_character_like_others() -> None:
    assert codec().encode("a\0b", EN_JA).unknown == 1


@pytest.mark.parametrize("options", [{}, {"fromLang": "en"}, {"fromLang": "en", "toLang": "tlh"}, {"toLang": "en"}])
def test_languages_can_be_checked_once_a_request(options: dict[str, str]) -> None:
    with pytest.raises(CodecError) as caught:
        codec().check(options)

    assert caught.value.code == "unknown_language"
    assert caught.value.extra["languages"] == sorted(CODES)


def test_known_languages_pass_the_check() -> None:
    codec().check({"fromLang": "EN", "toLang": "zh-CN"})


def test_specials_languages_and_unknown_ids_are_silent() -> None:
    plan = codec().encode("the box", EN_JA)
    (ids,) = sources(plan)
    noise = [2, language("ja"), *ids[:1], UNK, 1, 0, *ids[1:], -7, 10**9, 2]

    assert codec().decode(plan, [array("i", noise)]) == {"text": "the box"}


def test_an_answer_has_no_whitespace_at_its_ends() -> None:
    plan = codec().encode("the box", EN_JA)

    assert codec().decode(plan, [array("i", [*sources(plan)[0], vocab()["▁"]])]) == {"text": "the box"}


def test_an_output_too_many_or_too_few_is_an_error() -> None:
    plan = codec().encode("one\ntwo", EN_JA)

    with pytest.raises(ValueError, match="argument"):
        codec().decode(plan, [array("i", [2])])


def degenerate(ids: array[int]) -> dict[str, Any]:
    """As the in-flight engine answers where its loop guard found nothing better."""
    return {"pieces": ids, "degenerate": True}


@pytest.mark.parametrize("lost", [{0}, {1}, {0, 1}], ids=str)
def test_a_record_says_that_one_of_its_pieces_is_degenerate(lost: set[int]) -> None:
    plan = codec().encode("the box\nthe ferry", EN_JA)
    ids = [piece.input["source"] for piece in plan.pieces]

    record = codec().decode(plan, [degenerate(one) if place in lost else one for place, one in enumerate(ids)])

    assert record == {"text": "the box\nthe ferry", "degenerate": True}


def test_a_degenerate_piece_survives_the_journey() -> None:
    plan = codec().encode("the box", EN_JA)
    timing = Timing(queue=0.0, window=0.0, compute=0.0, batch_size=1)
    sent = Result(job_id="a", output=degenerate(plan.pieces[0].input["source"]), timing=timing)

    (arrived,) = wire.decode_frame(wire.encode_results([sent]))

    assert isinstance(arrived, Result)
    assert codec().decode(plan, [arrived.output]) == {"text": "the box", "degenerate": True}


@pytest.mark.parametrize(
    "output",
    [
        pytest.param("text", id="a text"),
        pytest.param(None, id="nothing"),
        pytest.param([5, 6], id="a list"),
        pytest.param(array("f", [5.0]), id="a vector"),
        pytest.param({}, id="no fields"),
        pytest.param({"pieces": [5], "degenerate": True}, id="a marked list"),
        pytest.param({"pieces": array("i", [5]), "degenerate": 1}, id="a mark that is no answer"),
        pytest.param({"degenerate": True}, id="a mark without pieces"),
    ],
)
def test_an_output_that_is_no_translation_is_an_error(output: Any) -> None:
    plan = codec().encode("the box", EN_JA)

    with pytest.raises(ValueError, match="no translation"):
        codec().decode(plan, [output])


def test_threads_share_a_codec() -> None:
    shared = codec()
    texts = [sentence for pair in SENTENCES.values() for sentence in pair] * 4

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda text: echo(shared, text, EN_JA), texts))

    assert answers == [echo(shared, text, EN_JA) for text in texts]


@pytest.mark.parametrize("name", ["sentencepiece.bpe.model", "vocab.json"])
@pytest.mark.parametrize("content", [None, b"", b"[1, 2", b"[]", b'{"a": "b"}'])
def test_a_file_that_is_missing_or_broken_is_a_clear_error(name: str, content: bytes | None) -> None:
    files = {key: value for key, value in (tokenizer_files() | {name: content}).items() if value is not None}

    with pytest.raises(ValueError, match=r"without its file|cannot be read|is empty"):
        M2M100Codec(translation_card(), files)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"options": {}}, id="no language ids"),
        pytest.param({"languages": ("en", "tlh")}, id="a language without id"),
        pytest.param({"max_cost": 2}, id="a budget for no words"),
    ],
)
def test_a_card_that_cannot_work_is_a_clear_error(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="model small"):
        codec(**changes)


def test_a_model_may_speak_fewer_languages_than_its_vocabulary() -> None:
    with pytest.raises(CodecError, match="fr"):
        codec(languages=("en", "ja")).check({"fromLang": "en", "toLang": "fr"})
