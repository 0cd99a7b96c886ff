"""POST /classification: the labels that fit a text best."""

from __future__ import annotations

from starlette.routing import Route

from server.api.schema import ClassificationRequest
from server.api.tasks import task_endpoint
from server.front_end import FrontEnd

TASK = "classification"


def classification(front_end: FrontEnd) -> Route:
    return Route("/classification", task_endpoint(front_end, TASK, ClassificationRequest), methods=["POST"])
