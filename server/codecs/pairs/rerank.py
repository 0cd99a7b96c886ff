"""Reranking: a query and a text in, how well the text answers it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from broker.messages import ModelCard, Value
from server.codecs.checks import text_of
from server.codecs.contract import Input, Plan, Token
from server.codecs.errors import CodecError
from server.codecs.pairs.limits import LONGEST_QUERY
from server.codecs.pairs.tokenizing import PairTokenizer
from server.codecs.pairs.truncation import longest_first
from server.codecs.ranking import numbers, top_of
from server.codecs.vectors import shortest
from server.codecs.work import UNBOUNDED, Work

QUERIES = 4  # that are remembered: every record of a request has the same, and threads have requests of their own


class RerankCodec:
    """Options `query`, and `topK`, by which the reply is cut: a record does not know how good the others are."""

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._pairs = PairTokenizer(card, files)
        self._query_ids = lru_cache(QUERIES)(lambda query: self._pairs.ids(query, UNBOUNDED))

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError` for no query or one that is too long, and for a `topK` that is not a positive integer."""
        top_of(options)
        if not self._query_ids(_query(options)):
            raise CodecError("query is empty")

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """One piece: the longer of query and text is truncated where both have no room."""
        text, query = text_of(input), self._query_ids(_query(options))
        ids = self._pairs.ids(text, work, beside=len(query))
        if not ids:
            raise CodecError("text is empty")
        lengths = longest_first(len(query), len(ids), self._pairs.room)
        is_truncated = sum(lengths) < len(query) + len(ids)
        return Plan(pieces=(self._pairs.piece(query, ids, lengths, work),), memo=is_truncated)

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """`score`, and `truncated` where not all of the pair was read."""
        (output,) = outputs
        (score,) = numbers(output)
        return {"score": shortest(score)} | ({"truncated": True} if plan.memo else {})

    def tokens(self, input: Input, options: Mapping[str, Any], *, with_special: bool) -> Iterator[Token]:
        """As `Tokenizes` promises: of a text alone."""
        return self._pairs.tokens(text_of(input), with_special=with_special)

    def text_of_ids(self, ids: Sequence[int], *, with_special: bool) -> str:
        """As `Tokenizes` promises."""
        return self._pairs.text_of_ids(ids, with_special=with_special)


def _query(options: Mapping[str, Any]) -> str:
    query = options.get("query")
    if not isinstance(query, str):
        raise CodecError("query must be a text")
    if len(query) > LONGEST_QUERY:
        raise CodecError(f"query has more than {LONGEST_QUERY} characters", code="too_large", limit=LONGEST_QUERY)
    return text_of(query)
