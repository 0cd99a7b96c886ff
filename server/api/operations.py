"""Tables of our own addresses, from which, with those of other APIs, the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.common.tasks import EMBEDDING, RERANK, ZERO_SHOT
from server.api.operation import ALWAYS, Operation, problems_of_inferences
from server.api.schema import clustering, openai, predictions, service
from server.api.schema.pictures import Address
from server.api.schema.predictions import PredictionDocument
from server.api.tasks import BODIES_OF_ANY, BODIES_OF_TASK, TaskBodies
from server.batches.operations import BATCHES
from server.dialects.openai.errors import status_of
from server.files.operations import FILES
from server.history.operations import HISTORY

INFERENCE_PROBLEMS = problems_of_inferences()
LATER: Mapping[int, Any] = {202: PredictionDocument}


def _inference(bodies: TaskBodies) -> Operation:
    return Operation(
        method="post",
        path=bodies.task.path,
        summary=bodies.task.summary,
        task=bodies.task.name,
        body=bodies.request,
        example=lambda languages: {"payload": bodies.task.payload(languages)},
        further=LATER,
        address=Address if bodies.task.takes_pictures else None,
        reply=bodies.reply,
        has_rows=bodies.task != RERANK,
        problems=INFERENCE_PROBLEMS,
    )


OF_TASK: Mapping[str, Operation] = {task: _inference(bodies) for task, bodies in BODIES_OF_TASK.items()}
CALL = _inference(BODIES_OF_ANY)

CLUSTERING = Operation(
    method="post",
    path="/clustering",
    summary="Put texts into clusters that mean alike",
    task=EMBEDDING.name,
    body=clustering.ClusteringRequest,
    example=lambda languages: clustering.EXAMPLE,
    further=LATER,
    reply=clustering.ClusteringReply,
    most_records="max_cluster_records",
    problems=INFERENCE_PROBLEMS,
)
SENTENCES = Operation(
    method="post",
    path="/cluster",
    summary="The same for a bare list of sentences",
    task=EMBEDDING.name,
    body=clustering.Sentences,
    example=lambda languages: clustering.TITLES,
    further=LATER,
    reply=clustering.Clusters,
    most_records="max_cluster_records",
    problems=INFERENCE_PROBLEMS,
)

PREDICTIONS = (
    Operation(
        method="get",
        path="/predictions/{id}",
        summary="How far a request with Prefer: respond-async is",
        reply=PredictionDocument,
        further={304: None},
        query=predictions.Wait,
        problems=(*ALWAYS, 404, 410, 503),
    ),
    Operation(
        method="delete",
        path="/predictions/{id}",
        summary="Cancel it while it is open, else forget it",
        reply=PredictionDocument,
        ok=202,
        further={204: None},
        problems=(*ALWAYS, 404, 410, 503),
    ),
    Operation(
        method="get",
        path="/predictions/{id}/result",
        summary="Its answer: what the request would have got that waits",
        further=LATER,
        query=predictions.Wait,
        problems=tuple(sorted({*INFERENCE_PROBLEMS, 409, 410})),
    ),
    Operation(
        method="get",
        path="/predictions/{id}/events",
        summary="What becomes of it, as it happens: where it stands, each record in their order, its end",
        is_followed=True,
        further={204: None},
        problems=(*ALWAYS, 404, 410, 503),
    ),
)

OF_MODELS: Sequence[Operation] = (
    *(one for task, one in OF_TASK.items() if task != ZERO_SHOT.name),  # which has its address and body of another
    CALL,
)
CLUSTERS: Sequence[Operation] = (CLUSTERING, SENTENCES)
ALWAYS_THERE: Sequence[Operation] = (
    Operation(
        method="get",
        path="/v1/models",
        summary="The models, live and gone",
        reply=service.ModelList,
        problems=(*ALWAYS, 503),
        problem=openai.OpenAIProblem,
        status_of=status_of,
    ),
    Operation(
        method="get",
        path="/v1/models/{name}",
        summary="A live model, as OpenAI's clients ask for it",
        reply=openai.OpenAIModel,
        problems=(*ALWAYS, 404, 503),
        problem=openai.OpenAIProblem,
        status_of=status_of,
    ),
    *FILES,
    *BATCHES,
    *PREDICTIONS,
    *HISTORY,
    Operation(method="get", path="/livez", summary="Is this process alive", reply=service.Health, unwell="It is not"),
    Operation(
        method="get",
        path="/readyz",
        summary="Can this process answer, and what is missing",
        reply=service.Health,
        unwell="It cannot: it drains, or has never met the broker",
    ),
    Operation(method="get", path="/docs", summary="This document for people, to try it out", media_type="text/html"),
    Operation(method="get", path="/openapi.json", summary="This document"),
)
