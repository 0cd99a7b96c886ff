"""A card's tokenizer for pairs: the ids of either text, and the two joined within what the model takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from broker.messages import ModelCard
from server.codecs.contract import Piece, Token
from server.codecs.pairs.frame import read_frame
from server.codecs.tokenizer import first_ids, load_tokenizer, text_of_ids, tokens
from server.codecs.work import Work


class PairTokenizer:
    """Ids are bit-equal to those of transformers, for texts of any length."""

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._tokenizer = load_tokenizer(card, files)
        self._frame = read_frame(self._tokenizer)
        self._side = str(card.options.get("truncation_side", "right"))
        self._has_types = bool(card.options.get("token_types", False))
        self.room = card.max_cost - self._frame.size  # tokens that two texts may have
        if self.room < 2:
            raise ValueError(f"model {card.name}: max_cost {card.max_cost} leaves no room for two texts")

    def ids(self, text: str, work: Work, *, beside: int = 0) -> list[int]:
        """Of the whole text, or of so much as shows that it is too long, and longer than the `beside` tokens of the
        other text: the longer of two is cut first."""
        return first_ids(self._tokenizer, text, max(self.room, beside), self._side, work)

    def tokens(self, text: str, *, with_special: bool) -> Iterator[Token]:
        """Those of a text alone."""
        return tokens(self._tokenizer, text, with_special=with_special)

    def text_of_ids(self, ids: Sequence[int], *, with_special: bool) -> str:
        """As `Tokenizes` promises."""
        return text_of_ids(self._tokenizer, ids, with_special=with_special)

    def piece(self, first: Sequence[int], second: Sequence[int], lengths: tuple[int, int], work: Work) -> Piece:
        """The job that reads both, of each so many tokens. Raises what `work` raises."""
        work.spend(1, sum(lengths) + self._frame.size)
        kept = [self._cut(ids, length) for ids, length in zip((first, second), lengths, strict=True)]
        return self._frame.piece(*kept, has_types=self._has_types)

    def _cut(self, ids: Sequence[int], length: int) -> Sequence[int]:
        return ids[len(ids) - length :] if self._side == "left" else ids[:length]
