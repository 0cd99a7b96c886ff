"""POST /translation: texts from one language into another."""

from __future__ import annotations

from starlette.routing import Route

from server.api.schema import TranslationRequest
from server.api.tasks import task_endpoint
from server.front_end import FrontEnd

TASK = "translation"


def translation(front_end: FrontEnd) -> Route:
    return Route("/translation", task_endpoint(front_end, TASK, TranslationRequest), methods=["POST"])
