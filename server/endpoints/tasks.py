"""How the body of a task's own address is read."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from starlette.types import Scope

from server import schema
from server.endpoints.inference import Call, Inference
from server.front_end import FrontEnd


class Body(Protocol):
    """Any of the request bodies in `schema.py`."""

    @property
    def payload(self) -> schema.Payload: ...


def task_endpoint(front_end: FrontEnd, task: str, body_type: type[Any]) -> Inference:
    """The endpoint of a task: its payload may choose a model, otherwise the default of the task answers."""
    decoder: msgspec.json.Decoder[Body] = msgspec.json.Decoder(body_type)

    def read(scope: Scope, body: bytes) -> Call:
        payload = schema.read(decoder, body).payload
        served = front_end.directory.for_task(task, payload.model, front_end.clock())
        return Call(served, payload.records, payload.options())

    return Inference(front_end, read)
