"""POST /embedding: texts as vectors."""

from __future__ import annotations

from starlette.routing import Route

from server.api.schema import EmbeddingRequest
from server.api.tasks import task_endpoint
from server.front_end import FrontEnd

TASK = "embedding"


def embedding(front_end: FrontEnd) -> Route:
    return Route("/embedding", task_endpoint(front_end, TASK, EmbeddingRequest), methods=["POST"])
