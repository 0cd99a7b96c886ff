"""What a checkpoint says: its languages, their ids, its limits. The front ends learn all of it from the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batcher.models.contract import About
from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.translation.families.contract import Words
from batcher.models.translation.families.family import family_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Of one family or another."""

    words: Words
    languages: tuple[str, ...]  # those it was trained to speak
    max_cost: int  # source tokens, language and end included
    description: str
    markers: Mapping[str, Sequence[str]]  # by language, words that it says as they are

    @property
    def language_ids(self) -> Mapping[str, int]:
        return self.words.language_ids

    @property
    def special_ids(self) -> Mapping[str, int]:
        return self.words.special_ids

    def about(self, revision: str, *, longest_answer: int, split: str) -> About:
        """`longest_answer`: pieces, neither start nor language nor end among them."""
        return About(
            task="translation",
            codec=self.words.codec,
            revision=revision,
            max_cost=self.max_cost,
            languages=self.languages,
            files=self.words.files,
            options={
                "language_ids": dict(self.language_ids),
                "language_offset": min(self.language_ids.values()),
                "longest_answer": longest_answer,
                "split": split,
                **self.special_ids,
                **self.words.options,
                **({"markers": dict(self.markers)} if self.markers else {}),
            },
            description=self.description,
        )


def check_family(weights: Weights) -> None:
    """Raises `ModelSpecError` for a directory of another architecture, or with a vocabulary that cannot be read, before
    its weights are."""
    family_of(weights).check(weights)


def read_checkpoint(weights: Weights, config: Any) -> Checkpoint:
    """Raises `ModelSpecError` for files that do not belong together."""
    words: Words = family_of(weights).read(weights, config.vocab_size)
    positions: int = config.max_position_embeddings
    return Checkpoint(
        words=words,
        languages=_languages(weights, words.language_ids),
        max_cost=min(int(weights.notes.get("max_cost", positions)), positions),
        description=str(weights.notes.get("description", "")),
        markers=weights.notes.get("markers", {}),
    )


def _languages(weights: Weights, language_ids: Mapping[str, int]) -> tuple[str, ...]:
    codes: Sequence[str] = weights.notes.get("languages") or tuple(language_ids)
    unknown = [code for code in codes if code not in language_ids]
    if unknown:
        raise ModelSpecError(f"{weights.directory}: jitney.json names {unknown[0]}, which its vocabulary does not")
    return tuple(codes)
