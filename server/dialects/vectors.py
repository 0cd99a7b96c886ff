"""Vectors as the APIs of others ask for them: as many of their numbers as are wanted, as float32."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from operator import mul

from broker.messages import FailureCode, ModelCard
from server.codecs.vectors import unit
from server.dialects.contract import Call, Row
from server.dialects.whole import require_one_model
from server.errors import Problem
from server.json import to_json
from server.requests.request import Record

NO_VECTOR = "The model's answer to this text is no vector."


def vectors(
    call: Call, records: Sequence[Record], dimensions: int | None, *, is_unit: bool = False
) -> list[Row | Problem]:
    """The answers, with as many of their numbers as are wanted, all where that is None, scaled to length 1 on demand.

    As float32, one after another: as lists of numbers all together would take eight times as much memory. Raises
    `Problem` where not all are of one model."""
    require_one_model(records)
    card = call.served.card
    is_scaled = is_unit and card.options.get("is_unit") is not True  # which costs as much as all else here
    return [vector(record.answer(), dimensions, card, is_scaled) for record in records]


def vector(answer: Row | Problem, dimensions: int | None, card: ModelCard, is_unit: bool) -> Row | Problem:
    """One of them; the problem there is, or one of its own."""
    if isinstance(answer, Problem):
        return answer
    found = answer.get("embedding")
    if not isinstance(found, list):
        return Problem(FailureCode.MODEL_ERROR, NO_VECTOR)
    try:
        kept = first(found, dimensions, card)
    except Problem as problem:
        return problem
    return answer | {"embedding": array("f", unit(kept) if is_unit else kept)}


def first(vector: list[float], dimensions: int | None, card: ModelCard) -> list[float]:
    """So many of the numbers, scaled again where the model's vectors are. Raises `Problem` (invalid_input)."""
    if dimensions in (None, len(vector)):
        return vector
    if card.options.get("matryoshka") is not True:
        said = f"'dimensions' must be {len(vector)} or left out: vectors of {card.name!r} were not trained to be cut."
        raise Problem(FailureCode.INVALID_INPUT, said, param="dimensions")
    if dimensions > len(vector):
        said = f"'dimensions' must be at most {len(vector)}: vectors of {card.name!r} have no more."
        raise Problem(FailureCode.INVALID_INPUT, said, param="dimensions")
    return unit(vector[:dimensions]) if card.options.get("is_unit", True) else vector[:dimensions]


def as_numbers(vector: array[float]) -> bytes:
    """In JSON."""
    return to_json(vector.tolist())


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of the angle between two vectors; 0 where one of them is zero."""
    found: float = sum(map(mul, unit(one), unit(other)))
    return found
