"""What a record of a prediction has come to, as the broker keeps it: its fields, or its problem. To and fro."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from broker.messages import Value
from server.codecs.contract import Input, Plan
from server.codecs.errors import CodecError
from server.codecs.work import UNBOUNDED, Work
from server.errors import Problem
from server.json import to_json
from server.requests.request import Record

Row = dict[str, Any]
ONE_OUTPUT = "kept"
NO_FIELDS, NO_ID = Raw(b"{}"), Raw(b"null")


class Told(Struct, omit_defaults=True):
    """A problem."""

    code: str
    detail: str
    retry_after: float | None = None
    extra: dict[str, Any] = {}

    def told(self) -> Problem:
        return Problem(self.code, self.detail, retry_after=self.retry_after, **self.extra)


class KeptRow(Struct, kw_only=True, omit_defaults=True):
    """JSON: so it is written the same again, whatever a model's fields are."""

    id: Raw = NO_ID  # its record's
    fields: Raw = NO_FIELDS
    problem: Told | None = None
    model: str  # who answered or was asked, name@revision

    @property
    def answer(self) -> Row | Problem:
        """As a codec or an error gave it."""
        if self.problem is not None:
            return self.problem.told()
        found: Row = msgspec.json.decode(self.fields)
        return found


_rows = msgspec.json.Decoder(KeptRow)


def row_to_bytes(answer: Row | Problem, model: str, id: Any) -> bytes:
    """Raises what `to_json` does."""
    if isinstance(answer, Problem):
        told = Told(answer.code, answer.detail, answer.retry_after, answer.extra)
        return msgspec.json.encode(KeptRow(problem=told, model=model, id=Raw(to_json(id))))
    return msgspec.json.encode(KeptRow(fields=Raw(to_json(answer)), model=model, id=Raw(to_json(id))))


def row_from(data: bytes) -> KeptRow:
    """Raises `msgspec.DecodeError` for what is none."""
    return _rows.decode(data)


def record_from(row: KeptRow) -> Record:
    """A record that is not computed again: it answers with what was kept."""
    if row.problem is not None:
        return Record(b"", CODEC, Plan(), row.problem.told())
    record = Record(b"", CODEC, Plan())
    record.job_ids, record.outputs = (ONE_OUTPUT,), {ONE_OUTPUT: bytes(row.fields)}
    return record


class KeptCodec:
    """Its one output is the fields as JSON."""

    def check(self, options: Mapping[str, Any]) -> None:
        """Any will do."""

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        raise CodecError("this record was computed before")

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> Row:
        (kept,) = outputs
        found: Row = msgspec.json.decode(kept)
        return found


CODEC = KeptCodec()
