"""The envelope of the original call: what every request and every reply has, whatever its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from server.api.malformed import why, wrong
from server.codecs.contract import Input
from server.errors import Problem

# A whole number may be spelled with a fraction of nothing (2.0): to JSON Schema, and to some languages, it is the same.
Id = str | int | Annotated[float, Meta(multiple_of=1)]
Count = Annotated[int, Meta(ge=1)] | Annotated[float, Meta(ge=1, multiple_of=1)]

Model = Annotated[
    str | None, Meta(description="which model; else the default of the task, see /v1/models", examples=["demo"])
]
RecordId = Annotated[Id, Meta(description="any string or integer; duplicates are allowed")]


class Record(Struct, frozen=True):
    """One text with an id that is echoed."""

    id: RecordId
    text: str


class Payload(Struct, frozen=True, kw_only=True, rename="camel"):
    """What every task has in common; unknown fields are not read, and the reply warns of them."""

    model: Model = None

    def options(self) -> Mapping[str, Any]:
        """The fields that the codec reads, by their names in the envelope."""
        return {}

    def beside(self) -> int:
        """About how many characters of them are read beside each record anew."""
        return 0


class TextPayload(Payload, frozen=True, kw_only=True, rename="camel"):
    """Texts, each with an id."""

    records: list[Record]

    def ids(self) -> Sequence[Id]:
        """Of the records, in their order."""
        return [record.id for record in self.records]

    def inputs(self) -> Sequence[Input]:
        """What the codec reads, one for each record."""
        return [record.text for record in self.records]


class RecordError(Struct, frozen=True):
    """Why one record has no answer while others have."""

    code: str
    message: str


Warnings = Annotated[
    list[str] | msgspec.UnsetType,
    Meta(description="what of the request was not understood, such as misspelt fields; with --strict it is a 422"),
]


Body = TypeVar("Body")


def read(decoder: msgspec.json.Decoder[Body], body: bytes) -> Body:
    """The body as the decoder's type. Raises `Problem` (malformed) that says where and why."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Problem("malformed", f"The body is not as it should be: {wrong(decoder.type, error)}") from error
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, nested too deeply
        raise Problem("malformed", f"The body is not JSON that can be read: {why(body, error)}") from error
