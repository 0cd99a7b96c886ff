"""What `huggingface_hub.InferenceClient` speaks: one picture as it is, or in base64 with parameters; bare labels back.

    InferenceClient("http://127.0.0.1:9527/huggingface/image-classification").image_classification("cat.jpg", top_k=3)

An address of its own, since a picture as the whole body says nothing of which reply is meant. The client posts to just
the URL it is given, so the model is named there: `?model=NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from broker.common.tasks import IMAGE_CLASSIFICATION
from broker.messages import FailureCode
from server.api.incoming import Incoming
from server.api.operation import Operation, Schema, problems_of_inferences
from server.api.schema.classification import Scored
from server.api.schema.envelope import read
from server.api.schema.huggingface import Address, HuggingFaceProblem, HuggingFaceRequest
from server.api.schema.pictures import from_base64
from server.dialects.contract import Call, Dialect, Row
from server.dialects.family import Family
from server.errors import Problem, Refusal
from server.http.bodies import JSON_OR_PICTURE, Bodies
from server.json import to_json
from server.settings import ServerSettings

PATH = "/huggingface/image-classification"
TOP = 5  # labels, as its pipelines return where nobody says
BODY = msgspec.json.Decoder(HuggingFaceRequest)
AS_TRAINED = "function_to_apply cannot be chosen here: scores are those that the model's own configuration says."


class ImageClassification(Dialect):
    """Errors are `{"error": …}`, which the client shows."""

    def takes(self, incoming: Incoming) -> Bodies:
        return JSON_OR_PICTURE

    def read(self, incoming: Incoming) -> Call:
        picture, top = _asked(incoming)
        served = incoming.model_of(IMAGE_CLASSIFICATION.name, incoming.query.get("model"))
        return Call(served, [picture], {"topK": top})

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        (answer,) = answers
        assert not isinstance(answer, Problem), "the only one refuses the request"
        return to_json(answer.get("labels", [answer]))

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        told: dict[str, Any] = {"error": problem.detail, "code": problem.code, "request_id": request_id}
        return Refusal(problem.status, to_json(told), b"application/json")


def _asked(incoming: Incoming) -> tuple[bytes | Problem, int]:
    """The picture, and how many labels. Raises `Problem` (malformed, invalid_input)."""
    if not incoming.is_json:
        return incoming.body, TOP
    asked = read(BODY, incoming.body)
    if asked.parameters is None:
        return from_base64(asked.inputs), TOP
    if asked.parameters.function_to_apply is not None:
        raise Problem(FailureCode.INVALID_INPUT, AS_TRAINED)
    return from_base64(asked.inputs), int(asked.parameters.top_k or TOP)


def bound(schemas: Mapping[str, Schema], settings: ServerSettings, models: Sequence[str]) -> None:
    """How large a picture may be."""
    schemas["HuggingFaceRequest"]["properties"]["inputs"]["maxLength"] = settings.max_image_body_bytes


FAMILY = Family(
    name="huggingface",
    inferences={PATH: ImageClassification()},
    operations=[
        Operation(
            method="post",
            path=PATH,
            summary="Label a picture, as huggingface_hub's InferenceClient asks for it",
            task=IMAGE_CLASSIFICATION.name,
            body=HuggingFaceRequest,
            example=lambda languages: {"inputs": IMAGE_CLASSIFICATION.image, "parameters": {"top_k": 2}},
            address=Address,
            reply=list[Scored],
            problems=problems_of_inferences(),
            problem=HuggingFaceProblem,
            bound=bound,
        )
    ],
)
