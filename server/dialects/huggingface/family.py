"""Hugging Face's pipelines as a front end speaks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from broker.common.tasks import ANY, CLASSIFICATION, EMBEDDING, IMAGE_CLASSIFICATION, TRANSLATION, ZERO_SHOT, Task
from server.api.operation import Operation, Schema
from server.api.schema.classification import Scored
from server.dialects.either import FOR_ALL
from server.dialects.family import Family
from server.dialects.huggingface import schema as huggingface
from server.dialects.huggingface.flavour import FLAVOUR
from server.dialects.huggingface.pictures import ImageClassification
from server.dialects.huggingface.pipelines import Pipelines
from server.dialects.tei.errors import PROBLEMS
from server.dialects.tei.schema import TeiProblem
from server.settings import ServerSettings

PATH = "/huggingface/image-classification"
PICTURE = {"inputs": IMAGE_CLASSIFICATION.image, "parameters": {"top_k": 2}}
ZERO = {"inputs": ZERO_SHOT.text, "parameters": {"candidate_labels": ZERO_SHOT.options["labels"]}}


def bound(schemas: Mapping[str, Schema], settings: ServerSettings, models: Sequence[str]) -> None:
    """How large a picture may be."""
    schemas["HuggingFaceRequest"]["properties"]["inputs"]["maxLength"] = settings.max_image_body_bytes


def _pipeline(
    summary: str, task: Task, body: Any, example: Callable[[Sequence[str]], Any], reply: Any, **bound: Any
) -> Operation:
    return Operation(
        method="post",
        summary=f"{summary}, as huggingface_hub's InferenceClient asks for it",
        task=task.name,
        body=body,
        example=example,
        reply=reply,
        problems=PROBLEMS,
        problem=TeiProblem,
        status_of=FLAVOUR.status_of,
        path=ANY.path,
        **bound,
    )


def _translation(languages: Sequence[str]) -> Any:
    source, target = (TRANSLATION.payload(languages)[name] for name in ("fromLang", "toLang"))
    return {"inputs": TRANSLATION.text, "parameters": {"src_lang": source, "tgt_lang": target}}


OF_PICTURES = _pipeline(
    "Label a picture",
    IMAGE_CLASSIFICATION,
    huggingface.HuggingFaceRequest,
    lambda languages: PICTURE,
    list[Scored],
    bound=bound,
)
OPERATIONS = (
    _pipeline(
        "Turn texts into vectors, or compare them",
        EMBEDDING,
        huggingface.HuggingFaceEmbedRequest,
        lambda languages: {"inputs": EMBEDDING.text},
        list[list[float] | float],
    ),
    _pipeline(
        "Label texts",
        CLASSIFICATION,
        huggingface.HuggingFaceLabelRequest,
        lambda languages: {"inputs": CLASSIFICATION.text, "parameters": {"top_k": 2}},
        list[list[Scored]],
    ),
    _pipeline(
        "Label texts with labels of the request",
        ZERO_SHOT,
        huggingface.HuggingFaceZeroShotRequest,
        lambda languages: ZERO,
        list[Scored | list[Scored]],
    ),
    _pipeline(
        "Translate texts",
        TRANSLATION,
        huggingface.HuggingFaceTranslationRequest,
        _translation,
        list[huggingface.HuggingFaceTranslation],
    ),
    OF_PICTURES,
    replace(OF_PICTURES, path=PATH, address=huggingface.Address),
)

FAMILY = Family(
    name="huggingface",
    inferences={ANY.path: Pipelines(), PATH: ImageClassification()},
    flavours={"/models/": FOR_ALL.refuse, PATH: FLAVOUR.refuse},
    operations=OPERATIONS,
)
