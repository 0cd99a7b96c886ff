"""Our own API: an envelope of records with ids, errors in the place of records, and problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.common.tasks import ANY
from server.api.bodies import BodyReader
from server.api.incoming import Incoming
from server.api.options import further_fields
from server.api.schema.envelope import Id, TextPayload
from server.api.tasks import BODIES_OF_ANY, BODIES_OF_TASK
from server.dialects.contract import Call, Dialect, Row
from server.errors import Problem, Refusal, refusal
from server.fleet.directory import Served
from server.json import to_json

READERS: Mapping[str, BodyReader[Any]] = {task: BodyReader(of.request) for task, of in BODIES_OF_TASK.items()}
CUSTOM: BodyReader[Any] = BodyReader(BODIES_OF_ANY.request, takes_options=True)


class Native:
    """How every address of ours replies and refuses."""

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        rows = [row(record_id, answer) for record_id, answer in zip(call.memo, answers, strict=True)]
        reply: Row = {"result": rows}
        return to_json(reply | {"warnings": call.warnings} if call.warnings else reply)

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        return refusal(problem, request_id)


class OfTask(Native):
    """A task's own address: the payload may choose a model, otherwise the default of the task answers."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._reader = READERS[task]

    def read(self, incoming: Incoming) -> Call:
        asked, warnings = self._reader.read(incoming.body)
        payload = asked.payload
        return _call(incoming.model_of(self._task, payload.model), payload, payload.options(), warnings)


class ByName(Native):
    """A model's own address. The body is that of the model's task; the codec of any other task gets every further field
    of the payload as an option."""

    def read(self, incoming: Incoming) -> Call:
        served = incoming.model_named(incoming.path_params["name"])
        reader = READERS.get(served.card.task, CUSTOM)
        asked, warnings = reader.read(incoming.body)
        payload = asked.payload
        if payload.model not in (None, served.card.name):
            warnings = [*warnings, f"'model' in the payload is not read here: the address names {served.card.name!r}."]
        options = payload.options() if reader is not CUSTOM else further_fields(incoming.body)
        return _call(served, payload, options, warnings)


ROUTES: Mapping[str, Dialect] = {
    **{of.task.path: OfTask(task) for task, of in BODIES_OF_TASK.items()},
    ANY.path: ByName(),
}


def _call(served: Served, payload: TextPayload, options: Mapping[str, Any], warnings: Sequence[str]) -> Call:
    return Call(served, payload.inputs(), options, warnings, memo=payload.ids())


def row(record_id: Id, answer: Row | Problem) -> Row:
    """An answer beside the id of its record, or its error."""
    if isinstance(answer, Problem):
        return {"id": record_id, "error": {"code": answer.code, "message": answer.detail}}
    return {"id": record_id} | answer | {"id": record_id}  # first to read, and no model's own field replaces it
