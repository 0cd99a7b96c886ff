"""A small NLLB checkpoint: pieces learned from the samples, a tokenizer of transformers' own, random weights."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
from transformers import NllbTokenizer
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES
from transformers.tokenization_utils_base import generate_merges

from tests.models import tiny
from tests.unit.server.codecs.samples import SENTENCES

CODES: list[str] = FAIRSEQ_LANGUAGE_CODES
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
UNUSED = 3  # rows of the network that no token has, as in the hub's
NORMALIZER, CHARSMAP = 3, 2  # fields of SentencePiece's protobuf


@cache
def pieces_model() -> bytes:
    """What SentencePiece learned."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(sentence for pair in SENTENCES.values() for sentence in pair),
        model_writer=model,
        model_type="bpe",
        vocab_size=900,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


@cache
def words() -> dict[str, int]:
    """The family's ids: its specials, the pieces, the languages, the mask."""
    return {word: number for number, word in enumerate((*SPECIALS, *_learned(), *CODES, "<mask>"))}


def tokenizer(**options: Any) -> NllbTokenizer:
    """Made as transformers makes it of SentencePiece's file, for which it would need one library more."""
    merges = generate_merges({word: number for number, word in enumerate((*SPECIALS, *_learned()))})
    (normalizer,) = (value for field, value in _fields(pieces_model()) if field == NORMALIZER)
    (charsmap,) = (value for field, value in _fields(normalizer) if field == CHARSMAP)
    # A copy: it is changed.
    return NllbTokenizer(vocab=dict(words()), merges=merges, _spm_precompiled_charsmap=charsmap, **options)


def checkpoint(directory: Path, *, seed: int = 0, pieces_only: bool = False, legacy: bool = False, **more: Any) -> Path:
    """`pieces_only`: without tokenizer.json. `more` is as for `tiny.translation`."""
    shape = {"vocab_size": len(words()) + UNUSED} | more.pop("shape", {})
    tiny.translation(directory, seed=seed, shape=shape, **more)
    (directory / "vocab.json").unlink()
    (directory / "sentencepiece.bpe.model").write_bytes(pieces_model())
    if not pieces_only:
        tokenizer(legacy_behaviour=legacy).save_pretrained(directory)
        return directory
    config = {"tokenizer_class": "NllbTokenizer", "legacy_behaviour": legacy, "additional_special_tokens": CODES}
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    return directory


def _learned() -> list[str]:
    pieces = sentencepiece.SentencePieceProcessor(model_proto=pieces_model())
    return [pieces.id_to_piece(number) for number in range(3, pieces.get_piece_size())]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a protobuf that have a length."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        size, at = _varint(message, at) if key & 7 in (0, 2) else ({1: 8, 5: 4}[key & 7], at)
        if key & 7 == 2:
            yield key >> 3, message[at : at + size]
        at += size if key & 7 else 0


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while message[at] & 0x80:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return value | message[at] << shift, at + 1
