"""Our own API: an envelope of records with ids, errors in the place of records, and problem documents (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from broker.common.tasks import ANY, CLASSIFICATION, RERANK, ZERO_SHOT, Task, task_of
from server.api.bodies import BodyReader
from server.api.incoming import Incoming
from server.api.options import further_fields
from server.api.schema.envelope import Id
from server.api.tasks import BODIES_OF_ANY, BODIES_OF_TASK, bodies_of
from server.dialects.best_first import best_first
from server.dialects.contract import Call, Dialect, Row
from server.dialects.pictures import read_pictures
from server.errors import Problem, Refusal, refusal
from server.fleet.directory import Served
from server.http.bodies import JSON_ONLY, JSON_OR_PICTURE, Bodies
from server.json import to_json

READERS: Mapping[str, BodyReader[Any]] = {task: BodyReader(of.request) for task, of in BODIES_OF_TASK.items()}
BEGINNING = re.compile(rb'\s*\{\s*"payload"')  # of nearly every body
CUSTOM: BodyReader[Any] = BodyReader(BODIES_OF_ANY.request, takes_options=True)


class Native(Dialect):
    """How every address of ours replies and refuses."""

    known_by = ("payload",)

    def is_meant(self, incoming: Incoming) -> bool:
        return BEGINNING.match(incoming.body) is not None or super().is_meant(incoming)

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        rows = [row(record_id, answer) for record_id, answer in zip(call.memo, answers, strict=True)]
        if call.served.card.task == RERANK.name:
            rows = best_first(rows, call.options.get("topK"))
        return to_json({"result": rows, "warnings": call.warnings} if call.warnings else {"result": rows})

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        return refusal(problem, request_id)


class OfTask(Native):
    """A task's own address: the payload may choose a model, otherwise the default of the task answers."""

    def __init__(self, task: str) -> None:
        self._task = task_of(task)
        self._reader = READERS[task]

    def takes(self, incoming: Incoming) -> Bodies:
        return JSON_OR_PICTURE if self._task.takes_pictures else JSON_ONLY

    def read(self, incoming: Incoming) -> Call:
        payload, warnings = _payload(incoming, self._reader, self._task)
        served = incoming.model_of(self._asked(incoming, payload), payload.model)
        return _call(self, served, payload, payload.options(), warnings)

    def _asked(self, incoming: Incoming, payload: Any) -> str:
        """The task of the models that may answer."""
        return self._task.name


class OfClassification(OfTask):
    """Two tasks at one address: a payload that names labels is for a zero-shot model, one without for a classifier. A
    model that the payload names gets it in either case, and says what it misses."""

    def _asked(self, incoming: Incoming, payload: Any) -> str:
        task = self._task.name if payload.labels is None else ZERO_SHOT.name
        named = incoming.task_of(payload.model) if payload.model is not None else task
        return named if named in (CLASSIFICATION.name, ZERO_SHOT.name) else task


class ByName(Native):
    """A model's own address. The body is that of the model's task; the codec of any other task gets every further field
    of the payload as an option."""

    def takes(self, incoming: Incoming) -> Bodies:
        task = bodies_of(incoming.card_named(incoming.path_params["name"])).task
        return JSON_OR_PICTURE if task.takes_pictures else JSON_ONLY

    def read(self, incoming: Incoming) -> Call:
        served = incoming.model_named(incoming.path_params["name"])
        task = bodies_of(served.card).task
        reader = READERS.get(task.name, CUSTOM)
        payload, warnings = _payload(incoming, reader, task)
        if payload.model not in (None, served.card.name):
            warnings = [*warnings, f"'model' in the payload is not read here: the address names {served.card.name!r}."]
        options = payload.options() if reader is not CUSTOM else further_fields(incoming.body)
        return _call(self, served, payload, options, warnings)


ROUTES: Mapping[str, Dialect] = {
    **{of.task.path: OfTask(task) for task, of in BODIES_OF_TASK.items()},
    CLASSIFICATION.path: OfClassification(CLASSIFICATION.name),
    ANY.path: ByName(),
}


def _payload(incoming: Incoming, reader: BodyReader[Any], task: Task) -> tuple[Any, Sequence[str]]:
    """What is asked, and warnings of what is not known. Raises `Problem` (malformed)."""
    if task.takes_pictures:
        return read_pictures(incoming, reader)
    asked, warnings = reader.read(incoming.body)
    return asked.payload, warnings


def _call(dialect: Dialect, served: Served, payload: Any, options: Mapping[str, Any], warnings: Sequence[str]) -> Call:
    ids = payload.ids()
    row_ids = None if served.card.task == RERANK.name else ids  # which is put in order once all have their scores
    return Call(dialect, served, payload.inputs(), options, warnings, ids, row_ids, payload.beside())


def row(record_id: Id, answer: Row | Problem) -> Row:
    """An answer beside the id of its record, or its error."""
    if isinstance(answer, Problem):
        return {"id": record_id, "error": {"code": answer.code, "message": answer.detail}}
    told = {"id": record_id}
    told.update(answer)
    told["id"] = record_id  # first to read, and no model's own field replaces it
    return told
