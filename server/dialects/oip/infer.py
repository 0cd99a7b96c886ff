"""POST /v2/models/{name}/infer: a tensor of texts or pictures in, tensors out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec.json import Decoder

from broker.messages import FailureCode
from server.api.incoming import Incoming
from server.api.schema.envelope import read
from server.api.tasks import bodies_of
from server.dialects.asking import Asked, Asking
from server.dialects.contract import Call, Row
from server.dialects.oip.errors import FLAVOUR
from server.dialects.oip.schema import OipParameters, OipRequest
from server.dialects.oip.tensors import inputs_of, outputs_of
from server.dialects.tei.asks import ALL
from server.errors import Problem
from server.http.bodies import BYTES, Bodies, is_json
from server.json import to_json

HEAD = b"inference-header-content-length"  # how long the JSON is where bytes of a tensor stand behind it
BODY = Decoder(OipRequest)
SAID = "Send JSON with Content-Type: application/json, or JSON and bytes with application/octet-stream"


class Infer(Asking):
    """What stands behind the JSON is read; what comes back is JSON, which clients that ask for bytes take as well."""

    def __init__(self) -> None:
        super().__init__(FLAVOUR)

    def takes(self, incoming: Incoming) -> Bodies:
        task = bodies_of(incoming.card_named(incoming.path_params["name"])).task
        return Bodies(SAID, lambda kind: is_json(kind) or kind.startswith(BYTES), has_pictures=task.takes_pictures)

    def read(self, incoming: Incoming) -> Call:
        served = incoming.model_named(incoming.path_params["name"])
        size = _size(incoming)
        request = read(BODY, incoming.body[:size])
        parameters = request.parameters or OipParameters()
        asked = Asked(
            inputs=inputs_of(request.inputs[0], incoming.body[size:], served.card),
            written=partial(_written, request=request),
            options={"topK": ALL} | parameters.options(),
            place="input {}",
            beside=parameters.beside(),
        )
        return Call(self, served, asked.inputs, asked.options, memo=asked, beside=asked.beside)


def _size(incoming: Incoming) -> int:
    """Of the JSON. Raises `Problem` (malformed)."""
    said = incoming.headers.get(HEAD)
    if said is None:
        return len(incoming.body)
    if not said.isdigit() or len(said) > 10 or int(said) > len(incoming.body):
        raise Problem("malformed", "Inference-Header-Content-Length must be how many bytes of the body are JSON.")
    return int(said)


def _written(call: Call, rows: Sequence[Row], *, request: OipRequest) -> bytes:
    """Raises `Problem` (invalid_input) for an output that is not there."""
    fields = ("name", "datatype", "shape", "data")
    made = outputs_of(bodies_of(call.served.card).task.name, rows) if rows else []
    found: dict[str, Row] = {one[0]: dict(zip(fields, one, strict=True)) for one in made}
    wanted = list(found) if request.outputs is None else [one.name for one in request.outputs]
    unknown = [name for name in wanted if name not in found]
    if unknown:
        said = f"There is no output {unknown[0][:100]!r}; there are {', '.join(found) or 'none'}."
        raise Problem(FailureCode.INVALID_INPUT, said)
    reply: dict[str, Any] = {"model_name": call.served.card.name, "outputs": [found[name] for name in wanted]}
    return to_json(reply if request.id is None else {"id": request.id, **reply})
