"""A picture and what is asked of it, as Hugging Face's clients send it: the file itself, or base64 with parameters.

    InferenceClient("http://127.0.0.1:9527/huggingface/image-classification").image_classification("cat.jpg", top_k=3)

The client posts to just the URL it is given, so the model is named there: `?model=NAME`, or /models/NAME.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from broker.common.tasks import IMAGE_CLASSIFICATION
from server.api.incoming import Incoming
from server.api.schema.envelope import read
from server.api.schema.pictures import from_base64
from server.codecs.contract import Input
from server.dialects.asking import Asked, Asking
from server.dialects.contract import Call, Row
from server.dialects.huggingface.flavour import FLAVOUR
from server.dialects.huggingface.schema import HuggingFaceRequest
from server.dialects.tei.asks import labels_of
from server.errors import Problem
from server.http.bodies import JSON_OR_PICTURE, Bodies
from server.json import to_json

TOP = 5  # labels, as its pipelines return where nobody says
BODY = msgspec.json.Decoder(HuggingFaceRequest)


class ImageClassification(Asking):
    """An address of the task's own. Without our envelope nothing but the address says what is asked of a picture."""

    def __init__(self) -> None:
        super().__init__(FLAVOUR)

    def takes(self, incoming: Incoming) -> Bodies:
        return JSON_OR_PICTURE

    def read(self, incoming: Incoming) -> Call:
        asked = picture(incoming)
        served = incoming.model_of(IMAGE_CLASSIFICATION.name, incoming.query.get("model"))
        return Call(self, served, asked.inputs, asked.options, memo=asked)


def picture(incoming: Incoming) -> Asked:
    """The best labels of the picture."""
    input, top = _read(incoming)
    return Asked(inputs=[input], written=_written, options={"topK": top})


def _read(incoming: Incoming) -> tuple[Input | Problem, int]:
    """The picture, and how many labels. Raises `Problem` (malformed)."""
    if not incoming.is_json:
        return incoming.body, TOP
    asked = read(BODY, incoming.body)
    top = None if asked.parameters is None else asked.parameters.top_k
    return from_base64(asked.inputs), int(top or TOP)


def _written(call: Call, rows: Sequence[Row]) -> bytes:
    return to_json(labels_of(rows[0]))
