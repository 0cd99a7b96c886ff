"""What followers of a prediction are told, as JSON: where it stands, its rows, its end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from broker.predictions.contract import Prediction
from server.errors import Problem
from server.predictions.document import document
from server.predictions.large.kept_rows import NO_ID, KeptRow
from server.predictions.stored import Answer

OK = 200


class Reply(Struct):
    """The body of a result that has a row for each record."""

    result: Sequence[dict[str, Raw]]


class Warned(Struct):
    """The body of any result of ours that is an object."""

    warnings: Sequence[str] | UnsetType = UNSET


class Refused(Struct):
    """A problem document, as far as it is told."""

    code: str = "internal"
    detail: str = ""


_replies, _warned = msgspec.json.Decoder(Reply), msgspec.json.Decoder(Warned)
_refusals, _fields = msgspec.json.Decoder(Refused), msgspec.json.Decoder(dict[str, Raw])


def standing(prediction: Prediction) -> bytes:
    """Its document, in a field of its own: `done` is a number there, and says in the last line that all is said."""
    return msgspec.json.encode({"prediction": Raw(document(prediction))})


def kept_row(kept: KeptRow, place: int) -> bytes:
    """A record that has ended while others run."""
    if kept.problem is None:
        return _row(kept.id, place, _fields.decode(kept.fields))
    error = {"code": kept.problem.code, "message": kept.problem.detail}
    return _row(kept.id, place, {"error": Raw(msgspec.json.encode(error))})


def rows_in(answer: Answer) -> list[bytes]:
    """Those of a result, in the order of the request; none where it was refused."""
    if answer.status != OK:
        return []
    rows = _replies.decode(answer.body).result
    return [_row(row.get("id", NO_ID), place, row) for place, row in enumerate(rows)]


def end(prediction: Prediction, answer: Answer | None) -> bytes:
    """The last that is told. `answer`: None where it was canceled."""
    told: dict[str, Any] = {"done": True, "status": prediction.state, "records": prediction.records}
    told["failed"] = prediction.failed
    if answer is not None and answer.model:
        told["model"] = answer.model
    if answer is not None:
        told |= _warnings(answer) if answer.status == OK else _error(answer)
    return msgspec.json.encode(told)


def _warnings(answer: Answer) -> dict[str, Any]:
    if not answer.body.startswith(b"{"):  # that of /cluster is a list
        return {}
    warnings = _warned.decode(answer.body).warnings
    return {} if warnings is UNSET else {"warnings": warnings}


def _error(answer: Answer) -> dict[str, Any]:
    refused = _refusals.decode(answer.body)
    return {"error": {"code": refused.code, "message": refused.detail}}


def broken_off(problem: Problem) -> bytes:
    """There is no more to come, and that was not all."""
    return msgspec.json.encode({"done": False, "error": {"code": problem.code, "message": problem.detail}})


def _row(id: Raw, place: int, fields: dict[str, Raw]) -> bytes:
    """That of a stream: the id first, then the record's place in the request, whatever a model's own fields are."""
    index = Raw(b"%d" % place)
    return msgspec.json.encode({"id": id, "index": index} | fields | {"id": id, "index": index})
