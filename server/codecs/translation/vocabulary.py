"""SentencePiece's numbers ⇄ the model's, as two arrays: a dict of 128,000 strings would weigh tens of megabytes."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache

from sentencepiece import SentencePieceProcessor

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
# In place of a piece's number:
SILENT = -1  # no text at all: specials, languages, ids that nobody uses
FOREIGN = -2  # a word of vocab.json that is no piece
REMEMBERED = 1 << 14  # characters of which it is known whether they can be read
SPACE = "▁"  # as pieces spell it


class Vocabulary:
    """Text ⇄ ids as `vocab.json` numbers them. Thread-safe: nothing changes after it is made."""

    def __init__(self, model: bytes, vocab: bytes, *, unk: int) -> None:
        try:
            self._pieces = SentencePieceProcessor(model_proto=model)
            numbers: dict[str, int] = json.loads(vocab)
            last = int(max(numbers.values()))
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise ValueError("the SentencePiece model or vocab.json cannot be read") from error
        if not self._pieces.get_piece_size():  # no bytes make no model, and no error either
            raise ValueError("the SentencePiece model is empty")
        self._unk_piece = self._pieces.unk_id()
        self._id_of = array("i", [unk]) * self._pieces.get_piece_size()
        self._piece_of = array("i", [SILENT]) * (last + 1)
        self._foreign = self._connect(numbers)
        self._foreign_of = {number: word for word, number in self._foreign.items()}
        self._unk = unk
        self.longest = max(map(len, [*self._pieces.id_to_piece(list(range(len(self._id_of)))), *self._foreign]))
        self.reads: Callable[[str], bool] = lru_cache(REMEMBERED)(self._reads)

    def ids(self, text: str) -> list[int]:
        """The text's ids; what the vocabulary lacks becomes <unk>. "</s>" or "__fr__" in it is only text."""
        pieces = self._pieces.encode(text)
        if self._foreign and self._unk_piece in pieces:
            return self._ids_of_words(text)
        id_of = self._id_of
        return [id_of[piece] for piece in pieces]

    def unread(self, text: str) -> int:
        """How many characters of the text are in pieces that have no id."""
        words = self._pieces.encode(text, out_type=str)
        lost = (word for word in words if self._id_of_word(word) == self._unk)
        return sum(len(word.replace(SPACE, "")) for word in lost)

    def _reads(self, character: str) -> bool:
        return self._unk not in self.ids(character)

    def text(self, ids: Iterable[int]) -> str:
        """The text of these ids; specials, languages and ids out of the vocabulary are silent."""
        piece_of, size = self._piece_of, len(self._piece_of)
        known = [number for number in ids if 0 <= number < size]
        pieces = [piece for number in known if (piece := piece_of[number]) != SILENT]
        if FOREIGN in pieces:
            return self._text_of_words(known)
        text: str = self._pieces.decode(pieces)
        return text.strip()

    def _connect(self, numbers: dict[str, int]) -> dict[str, int]:
        """Fills both arrays; returns the words of vocab.json that SentencePiece does not know as pieces."""
        foreign: dict[str, int] = {}
        for word, number in numbers.items():
            if word in SPECIALS:
                continue
            piece = self._pieces.piece_to_id(word)
            if piece == self._unk_piece:
                foreign[word], self._piece_of[number] = number, FOREIGN
            else:
                self._id_of[piece], self._piece_of[number] = number, piece
        return foreign

    def _ids_of_words(self, text: str) -> list[int]:
        # A character that SentencePiece cannot name may still have an id of its own: it
        # comes as the text it stands for. That is rare, so looking at strings costs little.
        words: list[str] = self._pieces.encode(text, out_type=str)
        return [self._id_of_word(word) for word in words]

    def _id_of_word(self, word: str) -> int:
        return self._foreign.get(word, self._id_of[self._pieces.piece_to_id(word)])

    def _text_of_words(self, ids: list[int]) -> str:
        words = [self._word(number) for number in ids if self._piece_of[number] != SILENT]
        text: str = self._pieces.decode(words)
        return text.strip()

    def _word(self, number: int) -> str:
        piece = self._piece_of[number]
        word: str = self._foreign_of[number] if piece == FOREIGN else self._pieces.id_to_piece(piece)
        return word
