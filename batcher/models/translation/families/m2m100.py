"""M2M100's files: SentencePiece's pieces, `vocab.json` with their numbers, and languages after them."""

from __future__ import annotations

from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

from batcher.models.errors import ModelSpecError
from batcher.models.files.tokenizer_files import check_pieces, read_vocabulary
from batcher.models.files.weights import Weights
from batcher.models.translation.families.contract import Words

FILES = ("sentencepiece.bpe.model", "vocab.json")
SPECIALS = {"eos": "</s>", "unk": "<unk>", "pad": "<pad>"}


def check(weights: Weights) -> None:
    """Raises `ModelSpecError` for a vocabulary that cannot be read."""
    check_pieces(weights.read(FILES[0]), _vocabulary(weights, weights.read(FILES[1])), str(weights.directory))


def read(weights: Weights, rows: int) -> Words:
    """`rows`: embeddings of its network. Raises `ModelSpecError` for files that do not belong together."""
    files = {name: weights.read(name) for name in FILES}
    vocabulary = _vocabulary(weights, files["vocab.json"])
    return Words(
        codec="m2m100",
        files=files,
        language_ids=_language_ids(weights, len(vocabulary), rows),
        special_ids={name: vocabulary[word] for name, word in SPECIALS.items()},
    )


def _vocabulary(weights: Weights, data: bytes) -> dict[str, int]:
    vocabulary = read_vocabulary(data, str(weights.directory))
    if max(vocabulary.values()) >= len(vocabulary):
        raise ModelSpecError(f"{weights.directory}: its vocab.json gives a word the number of a language")
    lacking = [word for word in SPECIALS.values() if word not in vocabulary]
    if lacking:
        raise ModelSpecError(f"{weights.directory}: its vocab.json lacks {lacking[0]}")
    return vocabulary


def _language_ids(weights: Weights, offset: int, rows: int) -> dict[str, int]:
    # The family's tokenizer has two lists of codes. This file says which is used: the larger, where it says nothing.
    family = weights.json_object("tokenizer_config.json").get("language_codes", "m2m100")
    codes = FAIRSEQ_LANGUAGE_CODES.get(str(family), ())
    if not codes or offset + len(codes) > rows:
        raise ModelSpecError(
            f"{weights.directory}: {offset} words and {len(codes)} languages do not fit its {rows} embeddings"
        )
    return {code: offset + place for place, code in enumerate(codes)}
