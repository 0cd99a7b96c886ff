"""Image classification: pictures in, labels with their scores out."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from broker.messages import FailureCode
from server.api.schema.classification import TopK
from server.api.schema.envelope import Id, Model, Payload, RecordId
from server.codecs.contract import Input
from server.errors import Problem

NOT_BASE64 = "image is not base64, plain: no data: before it, no line breaks in it, = at its end where it needs some"


class PictureRecord(Struct, frozen=True):
    """One picture with an id that is echoed."""

    id: RecordId
    image: Annotated[
        str,
        Meta(
            description="a picture's file, in base64: JPEG, PNG, WebP, GIF (its first frame) or BMP",
            extra_json_schema={"contentEncoding": "base64"},
        ),
    ]


class ImageClassificationPayload(Payload, frozen=True, kw_only=True, rename="camel"):
    """Pictures to label."""

    records: list[PictureRecord]
    top_k: TopK = 1

    def options(self) -> Mapping[str, Any]:
        return {"topK": int(self.top_k)}

    def ids(self) -> Sequence[Id]:
        """Of the records, in their order."""
        return [record.id for record in self.records]

    def inputs(self) -> Sequence[Input | Problem]:
        """The bytes of each picture's file, or why there are none."""
        return [from_base64(record.image) for record in self.records]


class ImageClassificationRequest(Struct, frozen=True):
    payload: ImageClassificationPayload


class Address(Struct, frozen=True, kw_only=True, rename="camel"):
    """What stands behind the question mark where the body is the picture itself."""

    top_k: TopK = 1
    model: Model = None


def from_base64(text: str) -> bytes | Problem:
    """The bytes that this spells, or what is wrong with it."""
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        return Problem(FailureCode.INVALID_INPUT, NOT_BASE64)
