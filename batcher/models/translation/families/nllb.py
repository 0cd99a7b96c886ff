"""NLLB-200's files: `tokenizer.json`, or SentencePiece's pieces alone; languages have codes of FLORES-200.

Where there are both, transformers reads the first, and its ids are what is promised. From the second ids are made as
fairseq made them, one higher than SentencePiece's: its own specials, the pieces, the languages, the mask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sentencepiece import SentencePieceProcessor
from transformers import NllbTokenizer
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

from batcher.models.errors import ModelSpecError
from batcher.models.files.tokenizer import load_tokenizer, tokenizer_json
from batcher.models.files.tokenizer_files import read_tokenizer
from batcher.models.files.weights import Weights
from batcher.models.translation.families.contract import Words

TOKENIZER, PIECES = "tokenizer.json", "sentencepiece.bpe.model"
CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
SPECIAL_IDS = {"eos": 2, "unk": 3, "pad": 1}  # of fairseq


def is_nllb(weights: Weights) -> bool:
    """By the class that its tokenizer_config.json names; else by languages among its tokens."""
    named = str(weights.json_object("tokenizer_config.json").get("tokenizer_class") or "").lower()
    if named.startswith(("nllb", "m2m100", "small100")):
        return named.startswith("nllb")
    return bool(_json_languages(weights) or _config_languages(weights))


def check(weights: Weights) -> None:
    """Raises `ModelSpecError` for a vocabulary that cannot be read."""
    if weights.has(TOKENIZER):
        read_tokenizer(weights.read(TOKENIZER), str(weights.directory))
    else:
        _numbers(weights.read(PIECES), weights)


def read(weights: Weights, rows: int) -> Words:
    """`rows`: embeddings of its network. Raises `ModelSpecError` for files that do not belong together."""
    words = _from_tokenizer(weights) if weights.has(TOKENIZER) else _from_pieces(weights)
    if not words.language_ids:
        raise ModelSpecError(f"{weights.directory}: its {TOKENIZER} has no languages among its tokens, as eng_Latn")
    largest = max(*words.language_ids.values(), *words.special_ids.values())
    if largest >= rows:
        raise ModelSpecError(f"{weights.directory}: ids up to {largest} do not fit its {rows} embeddings")
    return words


def _from_tokenizer(weights: Weights) -> Words:
    tokenizer = load_tokenizer(weights, {}, made_of=NllbTokenizer)
    own = _json_languages(weights)  # not those that transformers adds where a checkpoint has fewer
    found = tokenizer.added_tokens_decoder.items()
    return Words(
        codec="nllb",
        files={TOKENIZER: tokenizer_json(tokenizer)},
        language_ids={str(token): number for number, token in sorted(found) if own.get(str(token)) == number},
        special_ids={name: getattr(tokenizer, f"{name}_token_id") for name in SPECIAL_IDS},
        options={"legacy_behaviour": True} if tokenizer.legacy_behaviour else {},
    )


def _from_pieces(weights: Weights) -> Words:
    pieces = weights.read(PIECES)
    numbers = _numbers(pieces, weights)
    listed = _config_languages(weights) or dict.fromkeys(FAIRSEQ_LANGUAGE_CODES)
    is_legacy = bool(weights.json_object("tokenizer_config.json").get("legacy_behaviour", False))
    return Words(
        codec="nllb",
        files={PIECES: pieces, "vocab.json": json.dumps(numbers, ensure_ascii=False).encode()},
        language_ids={
            code: len(numbers) + place if number is None else number
            for place, (code, number) in enumerate(listed.items())
        },
        special_ids=SPECIAL_IDS,
        options={"legacy_behaviour": True} if is_legacy else {},
    )


def _numbers(model: bytes, weights: Weights) -> dict[str, int]:
    try:
        pieces = SentencePieceProcessor(model_proto=model)
        learned = [pieces.id_to_piece(number) for number in range(3, pieces.get_piece_size())]
    except (RuntimeError, TypeError) as error:
        raise ModelSpecError(f"{weights.directory}: its {PIECES} cannot be read") from error
    if not learned:  # no bytes make no model, and no error either
        raise ModelSpecError(f"{weights.directory}: its {PIECES} is empty")
    return {word: number for number, word in enumerate((*SPECIALS, *learned))}


def _json_languages(weights: Weights) -> dict[str, int]:
    """The languages among the tokens of its tokenizer.json, with their ids."""
    tokens = weights.json_object(TOKENIZER).get("added_tokens") or ()
    return {code: token["id"] for token in tokens if CODE.fullmatch(code := _text(token))}


def _config_languages(weights: Weights) -> dict[str, int | None]:
    """Those that its tokenizer_config.json or special_tokens_map.json lists, with their ids where they are told."""
    config = weights.json_object("tokenizer_config.json")
    numbered: Mapping[str, Any] = config.get("added_tokens_decoder") or {}
    told = sorted((int(number), _text(token)) for number, token in numbered.items())
    if found := {code: number for number, code in told if CODE.fullmatch(code)}:
        return dict(found)
    listed = (*_listed(config), *_listed(weights.json_object("special_tokens_map.json")))
    return {code: None for code in listed if CODE.fullmatch(code)}


def _listed(config: Mapping[str, Any]) -> Iterator[str]:
    for name in ("extra_special_tokens", "additional_special_tokens"):
        yield from map(_text, config.get(name) or ())


def _text(token: Any) -> str:
    return str(token.get("content", "") if isinstance(token, Mapping) else token)
