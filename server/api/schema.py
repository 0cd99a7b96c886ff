"""The bodies of requests and replies, as the envelope of the original call has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from server.api.malformed import why
from server.errors import Problem

# A whole number may be spelled with a fraction of nothing (2.0): to JSON Schema, and to some languages, it is the same.
Id = str | int | Annotated[float, Meta(multiple_of=1)]
Count = Annotated[int, Meta(ge=1)] | Annotated[float, Meta(ge=1, multiple_of=1)]

Model = Annotated[
    str | None, Meta(description="which model; else the default of the task, see /v1/models", examples=["demo"])
]
Language = Annotated[str, Meta(description="language code, such as en, ja, zh", examples=["en"])]


class Record(Struct, frozen=True):
    """One text with an id that is echoed."""

    id: Annotated[Id, Meta(description="any string or integer; duplicates are allowed")]
    text: str


class Payload(Struct, frozen=True, kw_only=True, rename="camel"):
    """What every task has in common; unknown fields are not read, and the reply warns of them."""

    records: list[Record]
    model: Model = None

    def options(self) -> Mapping[str, Any]:
        """The fields that the codec reads, by their names in the envelope."""
        return {}


class TranslationPayload(Payload, frozen=True, kw_only=True, rename="camel"):
    """Texts and the languages to read and to write them in."""

    from_lang: Language
    to_lang: Language

    def options(self) -> Mapping[str, Any]:
        return {"fromLang": self.from_lang, "toLang": self.to_lang}


class ClassificationPayload(Payload, frozen=True, kw_only=True, rename="camel"):
    """Texts to label."""

    top_k: Annotated[Count, Meta(description="how many labels to return, best first")] = 1

    def options(self) -> Mapping[str, Any]:
        return {"topK": int(self.top_k)}


class EmbeddingPayload(Payload, frozen=True, kw_only=True, rename="camel"):
    """Texts to turn into vectors."""

    prompt_name: Annotated[
        str | None,
        Meta(
            description="which of the model's prompts stands before each text, such as query or document; "
            'else its default one, "" for none',
            examples=["query"],
        ),
    ] = None

    def options(self) -> Mapping[str, Any]:
        return {} if self.prompt_name is None else {"promptName": self.prompt_name}


class AnyPayload(Payload, frozen=True, kw_only=True, rename="camel"):
    """For any model by name: further fields of the payload reach the model's codec as they are."""


class TranslationRequest(Struct, frozen=True):
    payload: TranslationPayload


class ClassificationRequest(Struct, frozen=True):
    payload: ClassificationPayload


class EmbeddingRequest(Struct, frozen=True):
    payload: EmbeddingPayload


class AnyRequest(Struct, frozen=True):
    payload: AnyPayload


class RecordError(Struct, frozen=True):
    """Why one record has no answer while others have."""

    code: str
    message: str


class TextAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record's answer in words, or its error."""

    id: Id
    text: str | None = None
    degenerate: Annotated[
        bool | None, Meta(description="true where a text came out empty or repeating itself, at a second try too")
    ] = None
    truncated: Annotated[
        bool | None, Meta(description="true where an answer came to the model's limit before its end")
    ] = None
    unread: Annotated[
        int | None, Meta(description="how many characters the model has no token for; around a sentence they stay")
    ] = None
    error: RecordError | None = None


class Scored(Struct, frozen=True):
    label: str
    score: float


class LabelAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record's best label, all asked for when `topK` is above 1, or its error."""

    id: Id
    label: str | None = None
    score: float | None = None
    labels: list[Scored] | None = None
    error: RecordError | None = None


class VectorAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record's vector, or its error."""

    id: Id
    embedding: list[float] | None = None
    error: RecordError | None = None


Warnings = Annotated[
    list[str] | msgspec.UnsetType,
    Meta(description="what of the request was not understood, such as misspelt fields; with --strict it is a 422"),
]


class TranslationReply(Struct, frozen=True):
    result: list[TextAnswer]
    warnings: Warnings = msgspec.UNSET


class ClassificationReply(Struct, frozen=True):
    result: list[LabelAnswer]
    warnings: Warnings = msgspec.UNSET


class EmbeddingReply(Struct, frozen=True):
    result: list[VectorAnswer]
    warnings: Warnings = msgspec.UNSET


class AnyReply(Struct, frozen=True):
    result: list[dict[str, Any]]
    warnings: Warnings = msgspec.UNSET


class RevisionEntry(Struct, frozen=True, kw_only=True):
    """One of a model's revisions that has batchers."""

    revision: str
    status: Annotated[str, Meta(description="live or loading")]
    batchers: int


class ModelEntry(Struct, frozen=True, kw_only=True):
    """One model as `/v1/models` shows it."""

    name: str
    task: str
    revision: str
    status: Annotated[str, Meta(description="live, loading (its tokenizer is on the way) or gone (no live batcher)")]
    default: Annotated[bool, Meta(description="it answers for its task when a request names no model")]
    batchers: Annotated[int, Meta(description="of all its revisions")]
    revisions: Annotated[
        list[RevisionEntry],
        Meta(description="those with batchers, newest first; each gets requests by the room of its batchers"),
    ]
    max_tokens: int
    languages: list[str]
    labels: list[str]
    description: str


class ModelList(Struct, frozen=True):
    models: list[ModelEntry]


class Check(Struct, frozen=True):
    name: str
    ok: bool
    detail: str


class Health(Struct, frozen=True):
    status: Annotated[str, Meta(description="ok, degraded or draining; /livez says ok or failed")]
    checks: list[Check]


class ProblemDocument(Struct, frozen=True, kw_only=True):
    """An error, by RFC 9457; `code` is stable."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    limit: Annotated[int | msgspec.UnsetType, Meta(description="with too_large: how much there may be")] = msgspec.UNSET
    prompts: Annotated[
        list[str] | msgspec.UnsetType, Meta(description="with an unknown promptName: those that the model has")
    ] = msgspec.UNSET
    languages: Annotated[
        list[str] | msgspec.UnsetType, Meta(description="with unknown_language: those that the model knows")
    ] = msgspec.UNSET


Body = TypeVar("Body")


def read(decoder: msgspec.json.Decoder[Body], body: bytes) -> Body:
    """The body as the decoder's type. Raises `Problem` (malformed) that says where and why."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Problem("malformed", f"The body is not as it should be: {error}") from error
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, nested too deeply
        raise Problem("malformed", f"The body is not JSON that can be read: {why(body, error)}") from error
