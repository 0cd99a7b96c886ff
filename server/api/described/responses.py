"""What `/openapi.json` says of answers: their bodies, rows and events, headers, and every way to an error."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from server.api.described.schemas import Json, ref
from server.api.operation import JSON, Operation
from server.api.schema.predictions import PredictionDocument
from server.api.schema.service import ProblemDocument
from server.api.schema.stream import StreamEnd
from server.errors import ASKS_TO_COME_BACK, ENDS_THE_CONNECTION, KINDS, LONGEST_RETRY, SHORTEST_RETRY
from server.streams.forms import EVENTS, LINES

PROBLEMS = {ProblemDocument: "application/problem+json"}  # the content type of each kind, JSON for the others
FURTHER = {
    202: "It is open: the document says how far it is",
    204: "It had ended, and is forgotten; of events: the client has all of them",
    304: "The client has this document: If-None-Match",
}


def responses(one: Operation) -> Json:
    """By status, of one operation."""
    content = _events() if one.is_followed else {one.media_type: {"schema": ref(one.reply)}}
    rows = _streams(one) if one.has_rows else {}
    ok: Json = {"description": "The answer", "headers": _headers(one, one.ok), "content": content | rows}
    unwell = {"503": {"description": one.unwell, "headers": _headers(one, 200), "content": content}}
    told = {PROBLEMS.get(one.problem, JSON): {"schema": ref(one.problem)}}
    problems = {
        str(status): {"description": _titles(one, status), "headers": _headers(one, status), "content": told}
        for status in one.problems
    }
    further = {str(status): _further(one, status, reply) for status, reply in one.further.items()}
    return {str(one.ok): ok} | further | (unwell if one.unwell else {}) | problems


def _further(one: Operation, status: int, reply: Any) -> Json:
    found = {"description": FURTHER[status], "headers": _headers(one, status)}
    return found | ({"content": {JSON: {"schema": ref(reply)}}} if reply is not None else {})


def _streams(one: Operation) -> Json:
    """The same by rows, each sent as its record ends. The schema of lines is that of one line."""
    (row,) = get_args(next(field.type for field in msgspec.structs.fields(one.reply) if field.name == "result"))
    index = {"properties": {"index": {"type": "integer", "description": "the record's place in the request"}}}
    lines = {"anyOf": [{"allOf": [ref(row), index]}, ref(StreamEnd)]}
    events = {"type": "string", "description": "events record (a row), done (the end) and error, with JSON as data"}
    return {LINES.media_type.decode(): {"schema": lines}, EVENTS.media_type.decode(): {"schema": events}}


def _events() -> Json:
    """What is told of a prediction. The schema of lines is that of one line."""
    standing = {"type": "object", "required": ["prediction"], "properties": {"prediction": ref(PredictionDocument)}}
    row = {"type": "object", "required": ["id", "index"], "properties": {"index": {"type": "integer"}}}
    events = {"type": "string", "description": "events status, record (a row), done (the end) and error, JSON as data"}
    lines = {"anyOf": [standing, row, ref(StreamEnd)]}
    return {EVENTS.media_type.decode(): {"schema": events}, LINES.media_type.decode(): {"schema": lines}}


def _headers(one: Operation, status: int) -> Json:
    """Which headers an answer has; `required` where it always has them."""
    found = {"X-Request-ID": _header("this request's id", {"type": "string"}, required=True)}
    if one.body is not None and one.has_model:
        key = {"type": "string", "pattern": r"^[a-z0-9._-]+@[A-Za-z0-9._-]+(, [a-z0-9._-]+@[A-Za-z0-9._-]+)*$"}
        said = "who answered, name@revision; errors name it where a model was chosen; two where one ended on the way"
        found["Jitney-Model"] = _header(said, key, required=status == 200)
    if one.body is not None and one.has_model and status == 200:
        found["Server-Timing"] = _header("where the time went: queue, window, compute, return", {"type": "string"})
    if status in ASKS_TO_COME_BACK:
        seconds = {"type": "integer", "minimum": int(SHORTEST_RETRY), "maximum": int(LONGEST_RETRY)}
        found["Retry-After"] = _header("seconds", seconds, required=True)
    if 304 in one.further and status in (one.ok, 304):
        found["ETag"] = _header("of this document, weak", {"type": "string"}, required=True)
    if status == 202:
        found["Location"] = _header("where to ask", {"type": "string"}, required=True)
    if status in ENDS_THE_CONNECTION:
        found["Connection"] = _header("the connection ends", {"const": "close"}, required=True)
    return found


def _header(said: str, kind: Json, *, required: bool = False) -> Json:
    return {"description": said, "schema": kind, "required": required}


def _titles(one: Operation, status: int) -> str:
    """Every way to this status, by code."""
    return "; ".join(f"{kind.title} ({code})" for code, kind in KINDS.items() if one.status_of(code) == status)
