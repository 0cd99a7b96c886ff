"""What an M2M100 directory says: its languages, their ids, its limits. The front ends learn all of it from the card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

from batcher.models.contract import About
from batcher.models.errors import ModelSpecError
from batcher.models.files.tokenizer_files import check_pieces, read_vocabulary
from batcher.models.files.weights import Weights

FILES = ("sentencepiece.bpe.model", "vocab.json")
MODEL_TYPE = "m2m_100"
# Architectures that people try and that are not served here, as their makers call them.
OTHER_FAMILIES = {
    "nllb": "NLLB",
    "nllb-moe": "NLLB (mixture of experts)",
    "small100": "SMaLL-100",
    "mbart": "mBART",
    "marian": "Marian (OPUS-MT)",
    "t5": "T5 or MADLAD",
    "mt5": "mT5",
    "umt5": "UMT5",
    "fsmt": "FSMT",
    "seamless_m4t": "SeamlessM4T",
    "seamless_m4t_v2": "SeamlessM4T",
    "bart": "BART",
    "None": "of no family that its config.json names",
}
SIMILAR = {"nllb": re.compile("nllb"), "small100": re.compile(r"small[-_]?100")}
SPECIALS = {"eos": "</s>", "unk": "<unk>", "pad": "<pad>"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Language ids follow the vocabulary: `offset` + the language's place in the family's list of codes."""

    files: dict[str, bytes]
    offset: int
    language_ids: dict[str, int]
    languages: tuple[str, ...]  # those it was trained to speak
    special_ids: dict[str, int]  # eos, unk, pad
    max_cost: int  # source tokens, language and end included
    description: str

    def about(self, revision: str, *, longest_answer: int, split: str) -> About:
        """`longest_answer`: pieces, neither start nor language nor end among them."""
        return About(
            task="translation",
            codec="m2m100",
            revision=revision,
            max_cost=self.max_cost,
            languages=self.languages,
            files=self.files,
            options={
                "language_ids": self.language_ids,
                "language_offset": self.offset,
                "longest_answer": longest_answer,
                "split": split,
                **self.special_ids,
            },
            description=self.description,
        )


def check_family(weights: Weights) -> None:
    """Raises `ModelSpecError` for a directory of another architecture, or with a vocabulary that cannot be read, before
    its weights are."""
    family = _family(weights)
    if family != MODEL_TYPE:
        called = f"{OTHER_FAMILIES[family]}, which is not served" if family in OTHER_FAMILIES else f"a {family} model"
        raise ModelSpecError(f"{weights.directory} is {called}; translation serves M2M100 checkpoints")
    check_pieces(weights.read(FILES[0]), _vocabulary(weights, weights.read(FILES[1])), str(weights.directory))


def _family(weights: Weights) -> str:
    """Some have the architecture of M2M100 and another vocabulary, or are told the language elsewhere: their answers
    would be noise. Only names give them away."""
    config, tokenizer = weights.json_object("config.json"), weights.json_object("tokenizer_config.json")
    found = str(config.get("model_type"))
    if found != MODEL_TYPE:
        return found
    files = (path.name for path in weights.directory.iterdir())
    hub_folders = (part for part in weights.directory.parts if part.startswith("models--"))
    names = (
        tokenizer.get("tokenizer_class"),
        config.get("_name_or_path"),
        weights.directory.name,
        *hub_folders,
        *files,
    )
    all_names = " ".join(map(str, names)).lower()
    return next((family for family, name in SIMILAR.items() if name.search(all_names)), found)


def read_checkpoint(weights: Weights, config: Any) -> Checkpoint:
    """Raises `ModelSpecError` for files that do not belong together."""
    files = {name: weights.read(name) for name in FILES}
    vocabulary = _vocabulary(weights, files["vocab.json"])
    language_ids = _language_ids(weights, len(vocabulary), config.vocab_size)
    positions: int = config.max_position_embeddings
    return Checkpoint(
        files=files,
        offset=len(vocabulary),
        language_ids=language_ids,
        languages=_languages(weights, language_ids),
        special_ids={name: vocabulary[word] for name, word in SPECIALS.items()},
        max_cost=min(int(weights.notes.get("max_cost", positions)), positions),
        description=str(weights.notes.get("description", "")),
    )


def _vocabulary(weights: Weights, data: bytes) -> dict[str, int]:
    vocabulary = read_vocabulary(data, str(weights.directory))
    if max(vocabulary.values()) >= len(vocabulary):
        raise ModelSpecError(f"{weights.directory}: its vocab.json gives a word the number of a language")
    lacking = [word for word in SPECIALS.values() if word not in vocabulary]
    if lacking:
        raise ModelSpecError(f"{weights.directory}: its vocab.json lacks {lacking[0]}")
    return vocabulary


def _language_ids(weights: Weights, offset: int, vocabulary: int) -> dict[str, int]:
    # The family's tokenizer has two lists of codes. This file says which is used: the larger, where it says nothing.
    family = weights.json_object("tokenizer_config.json").get("language_codes", "m2m100")
    codes = FAIRSEQ_LANGUAGE_CODES.get(str(family), ())
    if not codes or offset + len(codes) > vocabulary:
        raise ModelSpecError(
            f"{weights.directory}: {offset} words and {len(codes)} languages do not fit its {vocabulary} embeddings"
        )
    return {code: offset + place for place, code in enumerate(codes)}


def _languages(weights: Weights, language_ids: dict[str, int]) -> tuple[str, ...]:
    codes: Sequence[str] = weights.notes.get("languages") or tuple(language_ids)
    unknown = [code for code in codes if code not in language_ids]
    if unknown:
        raise ModelSpecError(f"{weights.directory}: jitney.json names {unknown[0]}, which its vocabulary does not")
    return tuple(codes)
