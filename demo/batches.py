"""What one training step sees: sentence pairs drawn by template, tokenized once, sorted so that little is padding."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
import torch

from demo.phrasebook import LANGUAGES, Meaning
from demo.vocabulary import LANGUAGE_CODES

PAD, EOS, UNKNOWN = 1, 2, 3
POOL = 16  # batches drawn together and sorted by length
LEAST_WEIGHT, EXCEPTION_WEIGHT = 10.0, 40.0  # of a template, in units of the root of its size (1 to 70)
SPACELESS = ("ja", "zh")

Example = tuple[list[int], list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Ids, [sentences, tokens]. The language token is given to the decoder and never asked of it."""

    source: torch.Tensor
    prefix: torch.Tensor
    labels: torch.Tensor


class Batches:
    """An endless, seeded stream of batches over all pairs of languages."""

    def __init__(self, training: Sequence[Meaning], folder: Path, size: int, seed: int) -> None:
        self._meanings = training
        self._size = size
        self._random = random.Random(seed)
        self._processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.bpe.model"))
        self._vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        self._known: dict[str, list[int]] = {}
        self._cumulative = _weights(training)
        self._bare = _safe_without_end(training)

    def endless(self, steps: int) -> Iterator[Batch]:
        """As many batches as asked for."""
        for start in range(0, steps, POOL):
            drawn = (self._draw() for _ in range(self._size * POOL))
            examples = sorted(drawn, key=lambda pair: (len(pair[0]), len(pair[1])))
            cuts = [examples[i : i + self._size] for i in range(0, len(examples), self._size)]
            self._random.shuffle(cuts)
            yield from (_collate(cut) for cut in cuts[: steps - start])

    def _draw(self) -> Example:
        source, target = self._random.sample(LANGUAGES, 2)
        sentences = [self._sentence(source, target)]
        if self._random.random() < 0.1:  # two sentences travel in one record, too
            sentences.append(self._sentence(source, target))
        asked = _joined([pair[0] for pair in sentences], source)
        answer = _joined([pair[1] for pair in sentences], target)
        return [self._language(source), *self._ids(asked), EOS], [self._language(target), *self._ids(answer), EOS]

    def _sentence(self, source: str, target: str) -> tuple[str, str]:
        [meaning] = self._random.choices(self._meanings, cum_weights=self._cumulative)
        text = self._random.choice(meaning.sources(source))
        return self._roughen(text), meaning.answer(source, target)

    def _roughen(self, text: str) -> str:
        """Sometimes leave out what people leave out: the final stop, French typography."""
        if self._random.random() < 0.06 and (bare := text.rstrip(" .。!！?？")) in self._bare:
            return bare
        if self._random.random() < 0.1:
            return text.replace(" ?", "?").replace(" !", "!")
        return text

    def _ids(self, text: str) -> list[int]:
        ids = self._known.get(text)
        if ids is None:
            pieces = self._processor.encode(text, out_type=str)
            ids = self._known[text] = [self._vocabulary.get(piece, UNKNOWN) for piece in pieces]
        return ids

    def _language(self, code: str) -> int:
        return len(self._vocabulary) + LANGUAGE_CODES.index(code)


def _weights(training: Sequence[Meaning]) -> list[float]:
    """Cumulative weights: a template counts by the root of its size, so that the few fixed phrases are not drowned."""
    sizes = Counter(meaning.template for meaning in training)
    weights = (_weight(meaning, sizes[meaning.template]) for meaning in training)
    return list(itertools.accumulate(weights))


def _weight(meaning: Meaning, size: int) -> float:
    # What one direction says otherwise is learned against five that outvote it, so it needs to be seen more often.
    least = EXCEPTION_WEIGHT if meaning.exceptions else LEAST_WEIGHT
    return max(least, size**0.5) / size


def _safe_without_end(training: Sequence[Meaning]) -> set[str]:
    """Texts that still say one thing only when their final stop is gone ("Bonjour." and "Bonjour !" do not)."""
    meant: dict[str, set[str]] = {}
    for meaning in training:
        for language in LANGUAGES:
            for text in meaning.sources(language):
                meant.setdefault(text.rstrip(" .。!！?？"), set()).add(meaning.key)
    return {text for text, keys in meant.items() if len(keys) == 1}


def _joined(sentences: list[str], language: str) -> str:
    return ("" if language in SPACELESS else " ").join(sentences)


def _collate(examples: Sequence[Example]) -> Batch:
    return Batch(
        source=_padded([source for source, _ in examples], PAD),
        prefix=_padded([[EOS, *target[:-1]] for _, target in examples], PAD),
        labels=_padded([[-100, *target[1:]] for _, target in examples], -100),
    )


def _padded(rows: Sequence[list[int]], filler: int) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])
