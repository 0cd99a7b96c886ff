"""How a request's body is read: strictly first, which is free; only a body that fails is examined for warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar, get_args

import msgspec
from msgspec.structs import fields

from server.api.schema import envelope
from server.api.unknown_fields import PAYLOAD, RECORD, TOP, warnings
from server.errors import Problem


class Body(Protocol):
    """Any of the request bodies in `schema/`."""

    @property
    def payload(self) -> envelope.Payload: ...


Kind = TypeVar("Kind", bound=Body)


class BodyReader(Generic[Kind]):
    """For one kind of body. With `takes_options` further fields of the payload are the model's own."""

    def __init__(self, kind: type[Kind], *, takes_options: bool = False) -> None:
        payload = _type_of(kind, "payload")
        (record,) = get_args(_type_of(payload, "records"))
        self._known = {place: _names(of) for place, of in ((TOP, kind), (PAYLOAD, payload), (RECORD, record))}
        self._takes_options = takes_options
        self._strictly: msgspec.json.Decoder[Kind] = msgspec.json.Decoder(
            _refusing(kind, payload, record, takes_options=takes_options)
        )
        self._leniently: msgspec.json.Decoder[Kind] = msgspec.json.Decoder(kind)

    def read(self, body: bytes) -> tuple[Kind, Sequence[str]]:
        """The body, and a warning for each unknown field. Raises `Problem` (malformed) with where and why."""
        try:
            return self._strictly.decode(body), ()
        except (ValueError, RecursionError):
            warned = warnings(body, self._known, takes_options=self._takes_options)
        try:
            return envelope.read(self._leniently, body), warned
        except Problem as problem:
            raise Problem(problem.code, " ".join([_sentence(problem.detail), *warned])) from problem


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."


def _refusing(kind: Any, payload: Any, record: Any, *, takes_options: bool) -> Any:
    """The same body, but no unknown field."""
    options: Any = {"frozen": True, "kw_only": True, "forbid_unknown_fields": True}
    rows: Any = list[msgspec.defstruct("Record", [], bases=(record,), **options)]  # type: ignore[misc]
    inner_options = options | {"forbid_unknown_fields": not takes_options}
    inner = msgspec.defstruct(payload.__name__, [("records", rows)], bases=(payload,), **inner_options)
    return msgspec.defstruct(kind.__name__, [("payload", inner)], bases=(kind,), **options)


def _type_of(kind: Any, name: str) -> Any:
    return next(field.type for field in fields(kind) if field.name == name)


def _names(kind: Any) -> Sequence[str]:
    return [field.encode_name for field in fields(kind)]
