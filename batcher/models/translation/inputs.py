"""What a translation job says, checked before the network sees it."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from batcher.models.contract import Input, InvalidInput
from batcher.models.layers.tensors import check_ids

PROMPT_TOKENS = 2  # tokens of a sequence before the answer: the start, and the language


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationInput:
    """A text to translate."""

    source: array[int]  # language, pieces, end; or pieces, end, language, as some checkpoints were trained
    pieces: array[int]  # of the source alone
    target: int  # the id of the language
    limit: int  # tokens of the answer, start and language included


@dataclass(frozen=True, slots=True, kw_only=True)
class InputReader:
    """What one checkpoint can take."""

    vocabulary: int
    longest_source: int  # tokens
    longest_answer: int  # tokens, start and language included
    languages: Collection[int]  # their ids

    def read(self, input: Input) -> TranslationInput:
        """Raises `InvalidInput` for what can never be translated."""
        if not isinstance(input, Mapping):
            raise InvalidInput("this model takes a source and a target")
        source = check_ids(input.get("source"), vocabulary=self.vocabulary, longest=self.longest_source)
        target = input.get("target")
        if not isinstance(target, int) or target not in self.languages:
            raise InvalidInput("the target is not a language of this model")
        pieces = source[:-2] if source[-1] in self.languages else source[1:-1]
        return TranslationInput(
            source=source, pieces=pieces, target=target, limit=self._limit(input.get("max_new_tokens"))
        )

    def _limit(self, asked: object) -> int:
        if asked is None:
            return self.longest_answer
        if not isinstance(asked, int) or asked < PROMPT_TOKENS:
            raise InvalidInput(f"max_new_tokens is a number, {PROMPT_TOKENS} or more: the language counts as well")
        return min(1 + asked, self.longest_answer)
