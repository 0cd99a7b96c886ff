"""Classification and embedding: one text in, one label or vector out, by the model's own `tokenizer.json`."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from broker.messages import ModelCard, Value
from server.codecs.checks import file_of, refuse_lone_surrogates
from server.codecs.contract import CodecError, Piece, Plan
from server.codecs.passthrough import fields
from server.codecs.segments import clause_stops, divide, sentence_stops, word_stops
from server.codecs.vectors import mean, shortest, unit
from server.codecs.work import UNBOUNDED, Work

LANGUAGE = "en"  # of the sentence rules: these tasks name none, and the marks of other scripts are among them


class TextCodec:
    """Option `topK` (classification). A piece's input is `array("i")` with the tokenizer's own special tokens.

    A text over the budget becomes several pieces, cut between sentences where that can be; scores and vectors are
    their mean, weighted by tokens, and vectors are scaled to length 1 again. A task that is neither is not cut.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._tokenizer = _load(file_of(card, files, "tokenizer.json"))
        self._specials = self._tokenizer.num_special_tokens_to_add(False)
        self._task, self._labels, self._max_cost = card.task, tuple(card.labels), card.max_cost
        if card.task == "classification" and not self._labels:
            raise ValueError(f"model {card.name} classifies, but its card has no labels")
        if card.max_cost <= self._specials:
            raise ValueError(f"model {card.name}: max_cost {card.max_cost} leaves no room for a text")

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError` for a `topK` that is not a positive integer."""
        self._top(options)

    def encode(self, text: str, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """Raises `CodecError` for a text without any words, and for one too long for a task that cannot be averaged."""
        top = self._top(options)
        refuse_lone_surrogates(text)
        pieces = [Piece(input=array("i", ids), cost=len(ids)) for ids in self._parts(text) if len(ids) > self._specials]
        work.spend(len(pieces), sum(piece.cost for piece in pieces))
        if not pieces:
            raise CodecError("text is empty")
        return Plan(pieces=pieces, memo=top)

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """`embedding`; or `label` and `score`, and `labels` where `topK` asked for more; or the model's own fields."""
        if self._task == "embedding":
            return {"embedding": self._joined(plan, outputs, is_vector=True)}
        if self._task == "classification":
            return self._ranked(self._joined(plan, outputs, is_vector=False), plan.memo)
        (output,) = outputs
        return fields(output)

    def _top(self, options: Mapping[str, Any]) -> int:
        top = options.get("topK")
        if top is None:
            return 1
        if not isinstance(top, int) or isinstance(top, bool) or top < 1:
            raise CodecError("topK must be a positive integer")
        return top

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def _parts(self, text: str) -> list[list[int]]:
        ids = self._ids(text)
        if len(ids) <= self._max_cost:
            return [ids]
        if self._task not in ("classification", "embedding"):
            raise CodecError(f"text has {len(ids)} tokens; this model takes {self._max_cost}", code="too_large")
        levels = [sentence_stops(text, LANGUAGE), clause_stops(text), word_stops(text)]
        parts = [self._ids(part) for part in divide(text, self._fits, levels)]
        if max(map(len, parts)) > self._max_cost:
            raise CodecError(f"a single character is longer than {self._max_cost} tokens", code="too_large")
        return parts

    def _fits(self, text: str) -> bool:
        return len(self._ids(text)) <= self._max_cost

    def _joined(self, plan: Plan, outputs: Sequence[Value], *, is_vector: bool) -> list[float]:
        if len(outputs) == 1:
            numbers: list[float] = outputs[0].tolist() if isinstance(outputs[0], array) else list(outputs[0])
            return numbers
        joined = mean(outputs, [piece.cost for piece in plan.pieces])
        return unit(joined) if is_vector else joined

    def _ranked(self, scores: Sequence[float], top: int) -> dict[str, Any]:
        pairs = sorted(zip(self._labels, scores, strict=True), key=lambda pair: -pair[1])
        labels = [{"label": label, "score": shortest(score)} for label, score in pairs[:top]]
        return labels[0] if top == 1 else labels[0] | {"labels": labels}


def _load(data: bytes) -> Tokenizer:
    try:
        tokenizer: Tokenizer = Tokenizer.from_str(data.decode())
    except Exception as error:  # the library raises nothing narrower
        raise ValueError("tokenizer.json cannot be read") from error
    # A file may carry the lengths of somebody's training run. Length is the card's business, padding the batcher's.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
