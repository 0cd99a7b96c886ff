"""The bodies of Hugging Face's text-embeddings-inference. Fields that are not named are not read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from server.api.schema.envelope import Count, Model
from server.codecs.pairs.limits import LONGEST_QUERY

Texts = Annotated[
    str | Annotated[list[str], Meta(min_length=1)],
    Meta(description="a text or several; token ids are refused, for each model has its own vocabulary"),
]
Truncate = Annotated[
    bool | None, Meta(description="not obeyed: what becomes of a long text says the model (--long-text)")
]
RawScores = Annotated[
    Literal[False] | None, Meta(description="false only: scores are those of the model's own configuration")
]
PromptName = Annotated[
    str | None, Meta(description="which of the model's prompts stands before each text; else its default one")
]
Dimensions = Annotated[
    Count | None,
    Meta(description="the first so many numbers of each vector, of a model that was trained for it (matryoshka)"),
]
MOST_ID = (1 << 32) - 1
Id = Annotated[int, Meta(ge=0, le=MOST_ID)]
Query = Annotated[
    str,
    Meta(
        description="what the texts are compared with",
        extra_json_schema={"minLength": 1, "maxLength": LONGEST_QUERY},
    ),
]


class TeiEmbedRequest(Struct, frozen=True, kw_only=True):
    """Texts to turn into vectors."""

    inputs: Texts
    normalize: Annotated[
        bool | None, Meta(description="false: vectors as the model gives them; else they are scaled to length 1")
    ] = None
    truncate: Truncate = None
    prompt_name: PromptName = None
    dimensions: Dimensions = None
    model: Model = None


class TeiPredictRequest(Struct, frozen=True, kw_only=True):
    """Texts to label."""

    inputs: Annotated[
        str | Annotated[list[str | Annotated[list[str], Meta(min_length=1, max_length=1)]], Meta(min_length=1)],
        Meta(
            description="a text, or several, each in a list of its own; [a, b] would be a pair, which no model reads "
            "here",
            extra_json_schema={
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1},
                    {
                        "type": "array",
                        "items": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1},
                        "minItems": 1,
                    },
                ]
            },
        ),
    ]
    raw_scores: RawScores = None
    truncate: Truncate = None
    model: Model = None


class TeiRerankRequest(Struct, frozen=True, kw_only=True):
    """A query, and the texts among which its best answers are."""

    query: Query
    texts: Annotated[list[str], Meta(min_length=1)]
    raw_scores: RawScores = None
    return_text: Annotated[bool | None, Meta(description="whether each text comes back beside its score")] = None
    truncate: Truncate = None
    model: Model = None


class TeiSentences(Struct, frozen=True, kw_only=True):
    source_sentence: str
    sentences: Annotated[list[str], Meta(min_length=1)]


class TeiSimilarityParameters(Struct, frozen=True, kw_only=True):
    prompt_name: PromptName = None
    truncate: Truncate = None


class TeiSimilarityRequest(Struct, frozen=True, kw_only=True):
    """A sentence, and others to compare it with."""

    inputs: TeiSentences
    parameters: TeiSimilarityParameters | None = None
    model: Model = None


class TeiTokenizeRequest(Struct, frozen=True, kw_only=True):
    """Texts to show as the model reads them."""

    inputs: Texts
    add_special_tokens: bool = True
    prompt_name: PromptName = None
    model: Model = None


class TeiDecodeRequest(Struct, frozen=True, kw_only=True):
    """Tokens to show as text."""

    ids: Annotated[
        list[Id | list[Id]],
        Meta(
            min_length=1,
            description="of one text, or a list for each of several; by the model's own vocabulary, as /tokenize tells "
            "them",
            extra_json_schema={
                "anyOf": [
                    {"items": {"type": "integer", "minimum": 0, "maximum": MOST_ID}},
                    {"items": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": MOST_ID}}},
                ],
            },
        ),
    ]
    skip_special_tokens: bool = True
    model: Model = None


class TeiRank(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text's place in the request, and how well it answers the query."""

    index: int
    score: float
    text: str | None = None


class TeiInfo(Struct, frozen=True, kw_only=True):
    """What a model is."""

    model_id: str
    model_sha: Annotated[str, Meta(description="its revision")]
    served_model_name: str
    model_type: Annotated[
        dict[str, Any], Meta(description="embedding, classifier or reranker, with the labels of a classifier")
    ]
    max_input_length: Annotated[int, Meta(description="tokens")]
    max_client_batch_size: Annotated[int, Meta(description="texts of one request")]
    max_concurrent_requests: Annotated[int, Meta(description="jobs that may wait")]
    auto_truncate: Annotated[bool, Meta(description="whether a long text is cut off, and not divided")]
    version: str


class TeiHealth(Struct, frozen=True, kw_only=True):
    status: str


class TeiProblem(Struct, frozen=True, kw_only=True):
    """An error: the members of our problem documents, and those that clients of this API read."""

    error: str
    message: str
    error_type: Annotated[str, Meta(description="Validation, Backend, Overloaded or Unhealthy")]
    code: Annotated[str, Meta(description="stable: that of our problems")]
    request_id: str
    type: str
    title: str
    status: int
    detail: str
    instance: str
