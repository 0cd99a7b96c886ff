"""NLLB-200 translation: M2M100's pieces and jobs, by a vocabulary of another form and with codes of FLORES-200."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

from broker.messages import ModelCard
from server.codecs.checks import file_of
from server.codecs.translation.m2m100 import M2M100Codec, Words
from server.codecs.translation.tokenizer_vocabulary import TokenizerVocabulary


class NllbCodec(M2M100Codec):
    """As `M2M100Codec`; its vocabulary is `tokenizer.json` where the card has one.

    The card's `options` may have `legacy_behaviour`: the language then stands behind the end of a source, where the
    first checkpoints were fine-tuned to look for it.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        super().__init__(card, files)
        self._is_legacy = bool(card.options.get("legacy_behaviour", False))

    def _read_vocabulary(self, card: ModelCard, files: Mapping[str, bytes]) -> Words:
        if "tokenizer.json" not in files:  # SentencePiece's file alone, numbered by the batcher
            return super()._read_vocabulary(card, files)
        return TokenizerVocabulary(file_of(card, files, "tokenizer.json"), unk=self._unk)

    def _framed(self, ids: list[int], language: int) -> array[int]:
        return array("i", [*ids, self._eos, language]) if self._is_legacy else super()._framed(ids, language)
