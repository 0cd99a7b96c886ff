"""A vocabulary that is a `tokenizer.json`: NLLB's pieces, numbered as the model numbers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from server.codecs.tokenizer import read_tokenizer

REMEMBERED = 1 << 14  # characters of which it is known whether they can be read


class TokenizerVocabulary:
    """Text ⇄ ids. Thread-safe: nothing changes after it is made."""

    def __init__(self, tokenizer: bytes, *, unk: int) -> None:
        self._tokenizer = read_tokenizer(tokenizer)
        self._tokenizer.encode_special_tokens = True  # "</s>" or "fra_Latn" in a text is only text
        self._unk = unk
        self.longest = max(map(len, self._tokenizer.get_vocab()))
        self.reads: Callable[[str], bool] = lru_cache(REMEMBERED)(self._reads)

    def ids(self, text: str) -> list[int]:
        """The text's ids; what the vocabulary lacks becomes <unk>."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def unread(self, text: str) -> int:
        """How many characters of the text are in pieces that have no id."""
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        spans = [span for number, span in zip(encoded.ids, encoded.offsets, strict=True) if number == self._unk]
        return sum(not character.isspace() for start, end in spans for character in text[start:end])

    def text(self, ids: Iterable[int]) -> str:
        """The text of these ids; specials, languages and ids out of the vocabulary are silent."""
        text: str = self._tokenizer.decode([number for number in ids if number >= 0])
        return text.strip()

    def _reads(self, character: str) -> bool:
        return self._unk not in self.ids(character)
