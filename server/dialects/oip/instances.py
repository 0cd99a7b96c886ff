"""POST with `instances`: what TensorFlow Serving, KServe's first protocol, Vertex AI and SageMaker's clients send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.json import Decoder

from broker.common.tasks import EMBEDDING, RERANK
from broker.messages import FailureCode
from server.api.incoming import Incoming
from server.api.schema.envelope import read
from server.api.schema.pictures import from_base64
from server.api.tasks import bodies_of
from server.codecs.contract import Input
from server.dialects.asking import Asked, Asking
from server.dialects.contract import Call, Row
from server.dialects.oip.errors import FLAVOUR
from server.dialects.oip.schema import OipInstance, OipInstancesParameters, OipInstancesRequest
from server.dialects.oip.tensors import LABELLING, outputs_of, text_of
from server.dialects.tei.asks import ALL, labels_of
from server.dialects.vectors import as_numbers
from server.errors import Problem
from server.http.bodies import JSON_ONLY, JSON_OR_PICTURE, Bodies
from server.json import to_json

BODY = Decoder(OipInstancesRequest)


class Instances(Asking):
    """The model is named by the address, else by the body, for some clients' headers do not arrive; else it is the only
    one there is."""

    known_by = ("instances",)

    def __init__(self) -> None:
        super().__init__(FLAVOUR)

    def takes(self, incoming: Incoming) -> Bodies:
        name = incoming.path_params.get("name")
        is_picture = name is not None and bodies_of(incoming.card_named(name)).task.takes_pictures
        return JSON_OR_PICTURE if is_picture else JSON_ONLY

    def read(self, incoming: Incoming) -> Call:
        request = read(BODY, incoming.body)
        parameters = request.parameters or OipInstancesParameters()
        name = incoming.path_params.get("name") or parameters.model or request.model
        served = incoming.the_only_model() if name is None else incoming.model_named(name)
        is_picture = bodies_of(served.card).task.takes_pictures
        asked = Asked(
            inputs=[_input(one, is_picture=is_picture) for one in request.instances],
            written=_written,
            options={"topK": ALL} | parameters.options(),
            place="instances[{}]",
            beside=parameters.beside(),
        )
        return Call(self, served, asked.inputs, asked.options, memo=asked, beside=asked.beside)


def _input(instance: str | OipInstance, *, is_picture: bool) -> Input | Problem:
    if isinstance(instance, str):
        instance = OipInstance(b64=instance) if is_picture else OipInstance(text=instance)
    found = instance.b64 if is_picture else instance.text
    if found is None:
        return Problem(FailureCode.INVALID_INPUT, f"it has no '{'b64' if is_picture else 'text'}'")
    return from_base64(found) if is_picture else found


def _written(call: Call, rows: Sequence[Row]) -> bytes:
    task = bodies_of(call.served.card).task.name
    if task == EMBEDDING.name:
        return b'{"predictions":[%b]}' % b",".join([as_numbers(row["embedding"]) for row in rows])
    return to_json({"predictions": _predictions(task, rows)})


def _predictions(task: str, rows: Sequence[Row]) -> list[Any]:
    if task in LABELLING:
        return [labels_of(row) for row in rows]
    if task == RERANK.name:
        ((_, _, _, scores),) = outputs_of(task, rows)
        return scores
    return [text_of(row) if "text" in row else row for row in rows]
