"""CTranslate2 on the same checkpoint and the same ids: to compare with, and to stand behind the same broker."""

from __future__ import annotations

import json
import os
import shutil
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import ctranslate2
from ctranslate2.converters import TransformersConverter

from batcher.models.settings import ModelSettings
from benchmarks.translation.weights import LANGUAGES

DIRECTORY = "BENCHMARK_CTRANSLATE2"  # the converted model, for a batcher: a custom model is told nothing but settings
DTYPES = {"fp32": "float32", "int8": "int8"}
LONGEST = 200  # tokens of an answer, where nobody says


def convert(checkpoint: Path) -> Path:
    """The checkpoint in CTranslate2's format, in fp32, beside the original; made unless it is there."""
    directory = checkpoint.with_name(f"{checkpoint.name}.ctranslate2")
    if not directory.is_dir():
        unfinished = directory.with_name(f"{directory.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _Converter(str(checkpoint), low_cpu_mem_usage=True).convert(str(unfinished))
        unfinished.rename(directory)
    return directory


class CTranslate2:
    """Greedy answers; inputs and outputs are those of our translation models."""

    def __init__(self, directory: Path, dtype: str, *, threads: int = 1) -> None:
        self._words = _words(directory)
        self._ids = {word: number for number, word in enumerate(self._words)}
        self._translator = ctranslate2.Translator(
            str(directory), device="cpu", compute_type=DTYPES[dtype], inter_threads=1, intra_threads=threads
        )

    def forward(self, inputs: Sequence[Any]) -> list[array[int]]:
        """One static batch, in CTranslate2's own way: rows leave when they end, and none joins.

        A row is ended by the callback, which the translator asks after each token, as the end token would end it: by
        its own length. Equal lengths for a whole batch would hide what a static batch costs, so they are not used.
        """
        limits = [input.get("max_new_tokens", LONGEST) for input in inputs]
        results = self._translator.translate_batch(
            [[self._words[id] for id in input["source"]] for input in inputs],
            target_prefix=[[self._words[input["target"]]] for input in inputs],
            beam_size=1,
            max_decoding_length=max(limits),
            callback=_ends_at(limits),
        )
        return [array("i", [self._ids[word] for word in result.hypotheses[0][1:]]) for result in results]


class CTranslate2Model(CTranslate2):
    """`python -m batcher --model benchmarks.translation.ctranslate2:CTranslate2Model,dtype=int8`."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(Path(os.environ[DIRECTORY]), settings.dtype, threads=settings.threads or 1)

    def cost(self, input: Any) -> int:
        return len(input["source"])


def _ends_at(limits: Sequence[int]) -> Callable[[Any], bool]:
    def ends(step: Any) -> bool:
        return bool(step.step + 1 >= limits[step.batch_id])

    return ends


def _words(directory: Path) -> list[str]:
    words: list[str] = json.loads((directory / "shared_vocabulary.json").read_text())
    return words


class _Converter(TransformersConverter):
    """CTranslate2's own, but for the tokenizer.

    The family's tokenizer wants a SentencePiece model, which random weights have not; and since transformers 5 it knows
    the languages only where a special_tokens_map.json lies beside it: the vocabulary would come out 100 words short.
    """

    def load_tokenizer(self, tokenizer_class: Any, model_name_or_path: str, **kwargs: Any) -> Any:
        return _Vocabulary(json.loads((Path(model_name_or_path) / "vocab.json").read_text()))


class _Vocabulary:
    """What the converter asks of a tokenizer."""

    bos_token, eos_token, unk_token, unk_token_id = "<s>", "</s>", "<unk>", 3
    special_tokens_map: ClassVar[dict[str, Any]] = {}

    def __init__(self, pieces: dict[str, int]) -> None:
        languages = {f"__{number}__": len(pieces) + number for number in range(LANGUAGES)}
        self._words = {**pieces, **languages}

    def get_vocab(self) -> dict[str, int]:
        return self._words

    def convert_ids_to_tokens(self, id: int) -> str:
        return next(word for word, number in self._words.items() if number == id)
