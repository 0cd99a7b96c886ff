"""How the body of a task's own address is read."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope

from server.api.bodies import Body, BodyReader
from server.api.inference import Call, Inference
from server.front_end import FrontEnd


def task_endpoint(front_end: FrontEnd, task: str, body_type: type[Any]) -> Inference:
    """The endpoint of a task: its payload may choose a model, otherwise the default of the task answers."""
    reader: BodyReader[Body] = BodyReader(body_type)

    def read(scope: Scope, body: bytes) -> Call:
        asked, warnings = reader.read(body)
        payload = asked.payload
        served = front_end.directory.for_task(task, payload.model, front_end.clock())
        return Call(served, payload.records, payload.options(), warnings)

    return Inference(front_end, read)
