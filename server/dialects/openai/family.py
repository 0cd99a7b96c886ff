"""OpenAI's API as a front end speaks it. Files, batches and models have their own files: they are always there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.common.tasks import EMBEDDING
from server.api.limits import most_records
from server.api.operation import Operation, Schema, problems_of_inferences
from server.api.schema.openai import OpenAIEmbeddingReply, OpenAIEmbeddingRequest, OpenAIProblem
from server.dialects.family import Family
from server.dialects.openai.embeddings import TIMES, Embeddings
from server.dialects.openai.errors import PREFIX, refuse, status_of
from server.settings import ServerSettings

PATH = "/v1/embeddings"
SHORT_PATH = "/embeddings"  # of clients whose address has no /v1


def bound(schemas: Mapping[str, Schema], settings: ServerSettings, models: Sequence[str]) -> None:
    """How many texts there may be, and which models."""
    fields = schemas["OpenAIEmbeddingRequest"]["properties"]
    fields["input"]["anyOf"][1]["maxItems"] = most_records(settings, TIMES)
    fields["model"]["examples"] = list(models)


EMBEDDINGS = Operation(
    method="post",
    path=PATH,
    summary="Turn texts into vectors, as OpenAI's clients ask for them",
    task=EMBEDDING.name,
    body=OpenAIEmbeddingRequest,
    example=lambda languages: {"input": [EMBEDDING.text], "encoding_format": "float"},
    reply=OpenAIEmbeddingReply,
    problems=problems_of_inferences(status_of),
    problem=OpenAIProblem,
    status_of=status_of,
    bound=bound,
)
FAMILY = Family(
    name="openai",
    inferences={PATH: Embeddings()},
    flavours={PREFIX: refuse},
    operations=[EMBEDDINGS],
    is_in_batches=True,
)
BESIDE = Family(
    name="openai",
    inferences={SHORT_PATH: Embeddings()},
    flavours={SHORT_PATH: refuse},
    operations=[replace(EMBEDDINGS, path=SHORT_PATH)],
)
