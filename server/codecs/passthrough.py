"""Models that read text themselves: the synthetic one, and custom ones. Text in, whatever they answer out."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from broker.messages import ModelCard, Value
from server.codecs.checks import text_of
from server.codecs.contract import Input, Piece, Plan
from server.codecs.errors import CodecError
from server.codecs.work import UNBOUNDED, Work


class PassthroughCodec:
    """No options. A piece's input is the text; its cost is its words (split at whitespace), at least one.

    Words are no tokens, but without a tokenizer they are the cheapest measure of length that there is.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._max_cost = card.max_cost

    def check(self, options: Mapping[str, Any]) -> None:
        """Every option is fine: a model that wants some reads none of them here."""

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """One piece, also for an empty text. Raises `CodecError` for bytes, which have no words to count, and
        (too_large) for a long text: without a tokenizer nobody knows where to cut it."""
        text = text_of(input)
        cost = max(1, len(text.split()))
        if cost > self._max_cost:
            raise CodecError(f"text has {cost} words; this model takes {self._max_cost}", code="too_large")
        work.spend(1, cost)
        return Plan(pieces=(Piece(input=text, cost=cost),))

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """The model's own fields."""
        (output,) = outputs
        return fields(output)


def fields(output: Value) -> dict[str, Any]:
    """A string is `text`, a dict its own fields, all else `output`."""
    if isinstance(output, str):
        return {"text": output}
    if isinstance(output, Mapping):
        return {str(name): plain(value) for name, value in output.items()}
    return {"output": plain(output)}


def plain(value: Value) -> Any:
    """The value as JSON can spell it: arrays become lists, names strings."""
    if isinstance(value, array):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
