"""The bodies of each task: what a request to it has, and what a reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.common.tasks import (
    ANY,
    CLASSIFICATION,
    EMBEDDING,
    IMAGE_CLASSIFICATION,
    RERANK,
    TRANSLATION,
    ZERO_SHOT,
    Task,
)
from broker.messages import ModelCard
from server.api.schema import classification, custom, embedding, pictures, rerank, translation


@dataclass(frozen=True, slots=True)
class TaskBodies:
    """A row of the table: a task with its types in `schema/`."""

    task: Task
    request: type[Any]
    reply: type[Any]


BODIES_OF_TASK: Mapping[str, TaskBodies] = {
    bodies.task.name: bodies
    for bodies in (
        TaskBodies(TRANSLATION, translation.TranslationRequest, translation.TranslationReply),
        TaskBodies(CLASSIFICATION, classification.ClassificationRequest, classification.ClassificationReply),
        TaskBodies(EMBEDDING, embedding.EmbeddingRequest, embedding.EmbeddingReply),
        TaskBodies(IMAGE_CLASSIFICATION, pictures.ImageClassificationRequest, classification.ClassificationReply),
        TaskBodies(RERANK, rerank.RerankRequest, rerank.RerankReply),
        TaskBodies(ZERO_SHOT, classification.ClassificationRequest, classification.ClassificationReply),
    )
}
BODIES_OF_ANY = TaskBodies(ANY, custom.AnyRequest, custom.AnyReply)


def bodies_of(card: ModelCard) -> TaskBodies:
    """Those of this model: a codec of pictures reads pictures, whatever a custom model calls its task."""
    task = IMAGE_CLASSIFICATION.name if card.codec == "image" else card.task
    return BODIES_OF_TASK.get(task, BODIES_OF_ANY)
