"""NLLB's ids and texts are those of transformers' tokenizer, from either of the forms that its files have."""

from __future__ import annotations

import random
from array import array
from pathlib import Path
from typing import Any

import pytest
from transformers import NllbTokenizer

from batcher.models.files.weights import find_weights
from batcher.models.translation.families import nllb
from broker.messages import ModelCard
from server.codecs import make_codec
from server.codecs.contract import Codec
from server.codecs.translation.languages import by_tag, resolve
from server.codecs.translation.m2m100 import Words
from server.codecs.translation.tokenizer_vocabulary import TokenizerVocabulary
from server.codecs.translation.vocabulary import Vocabulary
from tests.models import nllb_files
from tests.models.nllb_files import CODES, words
from tests.unit.server.codecs.samples import SENTENCES

HARD = (
    "two  spaces and   three",
    "a tab\there, U+3000\u3000there",
    "ＦＵＬＬ　ＷＩＤＴＨ ﬁn ①",
    "e\u0301 and é",
    "3,50 € at 7:45, e.g. (or not)",
    "Où est-ce? 100% x=y",
    "xyzzy qwertz",
)
SPECIAL = ("</s>", "a </s> b", "eng_Latn", "Say fra_Latn now", "<mask>", "the <unk> box", "<s><pad>")
OFFERED = by_tag(CODES)
FORMS = ("tokenizer.json", "pieces alone")


def codec_of(directory: Path) -> Codec:
    """As a front end has it from the card."""
    weights = find_weights(str(directory))
    found = nllb.read(weights, rows=len(words()))
    options = {"language_ids": found.language_ids, **found.special_ids, **found.options}
    card = ModelCard(
        name="n", task="translation", codec=found.codec, revision="1", languages=tuple(CODES), options=options
    )
    return make_codec(card, found.files)


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("nllb")
    return {
        form: nllb_files.checkpoint(made / str(number), pieces_only=form == FORMS[1])
        for number, form in enumerate(FORMS)
    }


@pytest.fixture(scope="module", params=FORMS)
def codec(directories: dict[str, Path], request: pytest.FixtureRequest) -> Codec:
    return codec_of(directories[request.param])


@pytest.fixture(scope="module")
def tokenizer(directories: dict[str, Path]) -> NllbTokenizer:
    """Transformers' own, as it reads the directory."""
    loaded: NllbTokenizer = NllbTokenizer.from_pretrained(directories[FORMS[0]])
    return loaded


@pytest.fixture(scope="module", params=FORMS)
def vocabulary(directories: dict[str, Path], request: pytest.FixtureRequest) -> Words:
    files = nllb.read(find_weights(str(directories[request.param])), rows=len(words())).files
    if "tokenizer.json" in files:
        return TokenizerVocabulary(files["tokenizer.json"], unk=3)
    return Vocabulary(files["sentencepiece.bpe.model"], files["vocab.json"], unk=3)


def encoded(codec: Codec, text: str, source: str) -> list[int]:
    (piece,) = codec.encode(text, {"fromLang": source, "toLang": "fij_Latn"}).pieces
    ids: list[int] = piece.input["source"].tolist()
    return ids


def decoded(codec: Codec, ids: list[int]) -> str:
    plan = codec.encode("any", {"fromLang": "en", "toLang": "fr"})
    text: str = codec.decode(plan, [array("i", ids)])["text"]
    return text


@pytest.mark.parametrize("code", SENTENCES)
def test_ids_are_the_tokenizers_in_every_language(code: str, codec: Codec, tokenizer: NllbTokenizer) -> None:
    tokenizer.src_lang = resolve(code, OFFERED, "fromLang")

    for text in SENTENCES[code]:
        assert encoded(codec, text, code) == tokenizer(text).input_ids


@pytest.mark.parametrize("text", HARD)
def test_ids_are_the_tokenizers_for_hard_texts(text: str, vocabulary: Words, tokenizer: NllbTokenizer) -> None:
    assert vocabulary.ids(text) == tokenizer(text, add_special_tokens=False).input_ids


@pytest.mark.parametrize("seed", range(40))
def test_ids_are_the_tokenizers_for_words_of_many_languages(
    seed: int, vocabulary: Words, tokenizer: NllbTokenizer
) -> None:
    rng = random.Random(seed)
    known = [word for pair in SENTENCES.values() for text in pair for word in text.split()]
    letters = sorted({letter for word in known for letter in word})
    words = [*rng.choices(known, k=12), *("".join(rng.choices(letters, k=rng.randrange(1, 9))) for _ in range(6))]
    text = " ".join(rng.sample(words, k=len(words)))

    assert vocabulary.ids(text) == tokenizer(text, add_special_tokens=False).input_ids


@pytest.mark.parametrize("text", [*HARD, *(text for pair in SENTENCES.values() for text in pair)])
def test_texts_are_the_tokenizers(text: str, codec: Codec, tokenizer: NllbTokenizer) -> None:
    tokenizer.src_lang = "eng_Latn"
    output = [2, *tokenizer(text).input_ids, 1]  # as a decoder writes it: start, language, text, end, padding

    assert decoded(codec, output) == tokenizer.decode(output, skip_special_tokens=True).strip()


@pytest.mark.parametrize("seed", range(20))
def test_texts_of_any_ids_are_the_tokenizers(seed: int, codec: Codec, tokenizer: NllbTokenizer) -> None:
    output = random.Random(seed).choices(range(len(words())), k=40)

    assert decoded(codec, output) == tokenizer.decode(output, skip_special_tokens=True).strip()


@pytest.mark.parametrize("code", CODES)
def test_language_ids_are_the_tokenizers(code: str, codec: Codec, tokenizer: NllbTokenizer) -> None:
    (piece,) = codec.encode("any", {"fromLang": code, "toLang": CODES[CODES.index(code) - 1]}).pieces

    assert piece.input["source"][0] == tokenizer.convert_tokens_to_ids(code)
    assert piece.input["target"] == tokenizer.convert_tokens_to_ids(CODES[CODES.index(code) - 1])


@pytest.mark.parametrize("text", SPECIAL)
def test_special_tokens_in_a_text_are_only_text(text: str, codec: Codec) -> None:
    pieces = codec.encode(text, {"fromLang": "en", "toLang": "fr"}).pieces

    specials = {0, 1, 2, *(words()[code] for code in CODES), words()["<mask>"]}
    assert not specials & {number for piece in pieces for number in piece.input["source"][1:-1]}


def test_what_the_vocabulary_lacks_is_counted_and_left_out(codec: Codec) -> None:
    plan = codec.encode("the ѿ box of 🙂 bread", {"fromLang": "en", "toLang": "ja"})

    assert plan.unknown == 2
    assert 3 not in plan.pieces[0].input["source"]


@pytest.mark.parametrize("form", FORMS)
def test_legacy_behaviour_puts_the_language_behind_the_end(tmp_path: Path, form: str) -> None:
    directory = nllb_files.checkpoint(tmp_path, pieces_only=form == FORMS[1], legacy=True)
    text, theirs = SENTENCES["fr"][0], nllb_files.tokenizer(legacy_behaviour=True, src_lang="fra_Latn")

    assert encoded(codec_of(directory), text, "fr") == theirs(text).input_ids
    assert theirs(text).input_ids[-2:] == [2, words()["fra_Latn"]]


def test_a_tokenizer_that_cannot_be_read_makes_no_codec() -> None:
    options: dict[str, Any] = {"language_ids": {"eng_Latn": 9}}
    card = ModelCard(name="n", task="translation", codec="nllb", revision="1", options=options)

    with pytest.raises(ValueError, match=r"tokenizer\.json cannot be read"):
        make_codec(card, {"tokenizer.json": b"{}"})
