"""What a tokenizer puts around two texts and between them, read off a pair that it encodes itself."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from server.codecs.contract import Piece

PROBES = ("a", "1", ".", "the", "の")  # words that have a token nearly everywhere; else those of the vocabulary do
MOST_PROBES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The pair template of a tokenizer. It depends on no text, so that pairs of ids are joined without the library,
    which would keep each remainder of a text that was cut, and pair all of those too."""

    before: Sequence[int]
    between: Sequence[int]
    after: Sequence[int]
    kept: int | None  # tokens between that are of the first text's type; None: all tokens are of one type

    @property
    def size(self) -> int:
        """Tokens that are no text."""
        return len(self.before) + len(self.between) + len(self.after)

    def piece(self, first: Sequence[int], second: Sequence[int], *, has_types: bool) -> Piece:
        """The job that reads both: array("i"), or {"ids": …, "second": n} where tokens have types from n on."""
        ids = array("i", [*self.before, *first, *self.between, *second, *self.after])
        if self.kept is None or not has_types:
            return Piece(input=ids, cost=len(ids))
        return Piece(input={"ids": ids, "second": len(self.before) + len(first) + self.kept}, cost=len(ids))


def read_frame(tokenizer: Tokenizer) -> Frame:
    """Raises `ValueError` for a tokenizer that does not put the first text before the second, each in one piece."""
    for probe in _probes(tokenizer):
        encoded = tokenizer.encode(probe, probe)
        texts = [text for text in encoded.sequence_ids if text is not None]
        if 0 in texts and 1 in texts:
            return _frame(encoded.ids, encoded.sequence_ids, encoded.type_ids)
    raise ValueError("tokenizer.json has no token for any word that was tried")


def _probes(tokenizer: Tokenizer) -> Iterator[str]:
    yield from PROBES
    yield from sorted(tokenizer.get_vocab(with_added_tokens=False), key=len)[:MOST_PROBES]


def _frame(ids: Sequence[int], texts: Sequence[int | None], types: Sequence[int]) -> Frame:
    first = [place for place, text in enumerate(texts) if text == 0]
    second = [place for place, text in enumerate(texts) if text == 1]
    begin, end, again, last = first[0], first[-1] + 1, second[0], second[-1] + 1
    typed = types.index(1) if 1 in types else None
    are_whole = end - begin == len(first) and last - again == len(second) and end <= again
    if not are_whole or list(types) != sorted(types) or (typed is not None and not end <= typed <= again):
        raise ValueError("tokenizer.json has a template for pairs that is not served here")
    kept = None if typed is None else typed - end
    return Frame(before=ids[:begin], between=ids[end:again], after=ids[last:], kept=kept)
