"""The bodies of Hugging Face's pipelines: `inputs`, and `parameters` that are those of the task."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from server.api.schema.envelope import Count, Model
from server.codecs.pairs.limits import LONGEST_TEMPLATE, MOST_LABELS
from server.dialects.tei.schema import Dimensions, PromptName, TeiSentences, Texts, Truncate

TopK = Annotated[Count | None, Meta(description="how many labels to return, best first; else all")]


class AsTrained(Struct, frozen=True, kw_only=True):
    """Scores are those of the model's own configuration."""

    function_to_apply: Annotated[Any, Meta(description="null only", extra_json_schema={"type": "null"})] = None

    def __post_init__(self) -> None:
        if self.function_to_apply is not None:
            raise ValueError("function_to_apply must be left out: scores are those of the model's own configuration")


class EmbedParameters(Struct, frozen=True, kw_only=True):
    """How to make vectors."""

    normalize: Annotated[bool | None, Meta(description="true: scaled to length 1; else as the model gives them")] = None
    prompt_name: PromptName = None
    dimensions: Dimensions = None
    truncate: Truncate = None


class HuggingFaceEmbedRequest(EmbedParameters, frozen=True, kw_only=True):
    """Texts to turn into vectors, or a sentence and others to compare it with. The client has these parameters beside
    `inputs`, others within `parameters`."""

    inputs: Texts | TeiSentences
    parameters: EmbedParameters | None = None


class LabelParameters(AsTrained, frozen=True, kw_only=True):
    """How to label texts."""

    top_k: TopK = None


class HuggingFaceLabelRequest(Struct, frozen=True, kw_only=True):
    """Texts to label."""

    inputs: Texts
    parameters: LabelParameters | None = None


class ZeroShotParameters(Struct, frozen=True, kw_only=True):
    """What to choose from."""

    candidate_labels: Annotated[
        list[str], Meta(extra_json_schema={"minItems": 1, "maxItems": MOST_LABELS, "uniqueItems": True})
    ]
    multi_label: bool | None = None
    hypothesis_template: Annotated[
        str | None,
        Meta(
            description="what a label says of a text, with {} in its place",
            extra_json_schema={"maxLength": LONGEST_TEMPLATE},
        ),
    ] = None


class HuggingFaceZeroShotRequest(Struct, frozen=True, kw_only=True):
    """Texts to label with labels of the request."""

    inputs: Texts
    parameters: ZeroShotParameters


class TranslationParameters(Struct, frozen=True, kw_only=True):
    """Which languages."""

    src_lang: str
    tgt_lang: str


class HuggingFaceTranslationRequest(Struct, frozen=True, kw_only=True):
    """Texts to translate."""

    inputs: Texts
    parameters: TranslationParameters


class HuggingFaceTranslation(Struct, frozen=True, kw_only=True):
    translation_text: str


class HuggingFaceParameters(AsTrained, frozen=True, kw_only=True):
    """How to classify a picture."""

    top_k: Annotated[Count | None, Meta(description="how many labels to return, best first; 5 unless it says")] = None


class HuggingFaceRequest(Struct, frozen=True, kw_only=True):
    """One picture and how to classify it."""

    inputs: Annotated[
        str, Meta(description="a picture's file, in base64", extra_json_schema={"contentEncoding": "base64"})
    ]
    parameters: HuggingFaceParameters | None = None


class Address(Struct, frozen=True, kw_only=True):
    """What stands behind the question mark of the address."""

    model: Model = None
