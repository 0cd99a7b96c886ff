"""APIs whose replies have no place for one input's error: a request is answered whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from broker.messages import FailureCode
from server.dialects.contract import Call, Dialect, Row
from server.errors import Problem
from server.requests.request import Record

NOT_ONE_MODEL = "The model was exchanged while it computed these texts, and vectors of two revisions do not compare."

NO_TEXT = "The model's answer to this text has no text."


class Whole(Dialect):
    """Refused by the first problem of an input: before any is computed where it shows then. Counts tokens."""

    def encoded(self, call: Call, records: Sequence[Record]) -> Call:
        for place, record in enumerate(records):
            if record.problem is not None:
                raise self.of_input(record.problem, place, call)
        return replace(call, tokens=sum([record.cost for record in records]))

    def of_input(self, problem: Problem, place: int, call: Call) -> Problem:
        """The problem of one input, as that of the request."""
        return problem

    def rows(self, call: Call, answers: Sequence[Row | Problem]) -> list[Row]:
        """The answers, for `write`. Raises the first problem."""
        found = []
        for place, answer in enumerate(answers):
            if isinstance(answer, Problem):
                raise self.of_input(answer, place, call)
            found.append(answer)
        return found


def translation_of(row: Row) -> str:
    """What a text was translated to. Raises `Problem` (model_error) for a custom model's answer that does not say."""
    text = row.get("text")
    if not isinstance(text, str):
        raise Problem(FailureCode.MODEL_ERROR, NO_TEXT)
    return text


def require_one_model(records: Sequence[Record]) -> None:
    """Raises `Problem` (no_batcher) where two revisions have answered: numbers of both do not compare."""
    if len({record.codec for record in records if record.problem is None}) > 1:
        raise Problem(FailureCode.NO_BATCHER, NOT_ONE_MODEL)
