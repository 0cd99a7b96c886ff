"""APIs whose bodies are texts and some parameters, and whose replies are bare rows: each address is one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from broker.common.tasks import EMBEDDING
from server.api.incoming import Incoming
from server.codecs.contract import Input
from server.dialects.contract import Call, Row
from server.dialects.flavour import Flavour
from server.dialects.vectors import vectors
from server.dialects.whole import Whole, require_one_model
from server.errors import Problem, Refusal
from server.requests.request import Record

Written = Callable[[Call, Sequence[Row]], bytes]


class Asked(Struct, frozen=True, kw_only=True):
    """What a body asks for, and how its answer is written: the memo of a call."""

    inputs: Sequence[Input | Problem]
    written: Written  # the reply, of all rows
    options: Mapping[str, Any] = {}
    model: str | None = None  # that the body names
    place: str = ""  # how a problem says which of several inputs it is, with {} for its number; empty: it does not
    beside: int = 0  # characters that are read beside each input anew
    dimensions: int | None = None  # of vectors: so many, else all
    is_unit: bool = False  # these are scaled to length 1


Ask = Callable[[Incoming], Asked]


class Asking(Whole):
    """How a call is made of what is asked. Texts of one request are computed by one model, or it is refused."""

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour

    def decoded(self, call: Call, records: Sequence[Record]) -> Sequence[Row | Problem]:
        if call.served.card.task == EMBEDDING.name:
            return vectors(call, records, call.memo.dimensions, is_unit=call.memo.is_unit)
        require_one_model(records)
        return super().decoded(call, records)

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        """Raises the first problem, with its place."""
        reply: bytes = call.memo.written(call, self.rows(call, answers))
        return reply

    def of_input(self, problem: Problem, place: int, call: Call) -> Problem:
        """It says which, where there are several."""
        asked: Asked = call.memo
        if not asked.place or "param" in problem.extra:
            return problem
        said = f"{asked.place.format(place)}: {problem.detail}"
        return Problem(problem.code, said, retry_after=problem.retry_after, **problem.extra)

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        return self._flavour.refuse(problem, request_id)


class OfTask(Asking):
    """An address of one task. Which model answers says the address, else the body, else it is the default."""

    def __init__(self, task: str, ask: Ask, field: str, flavour: Flavour, times: int = 1) -> None:
        """`field`: by which a body is known that is meant for this API and no other."""
        super().__init__(flavour)
        self._task, self._ask, self.known_by, self.times = task, ask, (field,), times

    def read(self, incoming: Incoming) -> Call:
        asked = self._ask(incoming)
        served = incoming.model_of(self._task, incoming.path_params.get("name", asked.model))
        return Call(self, served, asked.inputs, asked.options, memo=asked, beside=asked.beside)
