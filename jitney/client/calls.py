"""What can be asked: each call as data, with the way to read its reply. Pure; both clients send them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, overload
from urllib.parse import quote

from jitney.client import reading
from jitney.client.answers import Answer, Classification, Clusters, Embedding, Model, Ranking, Translation
from jitney.client.errors import RecordError
from jitney.client.reading import ReadRow
from jitney.client.received import Received

T = TypeVar("T")
A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request, whose reply is a `T`."""

    address: str
    read: Callable[[Received], T]  # raises `JitneyError`
    method: str = "POST"
    payload: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    tells_time: bool = True  # the server shall end it when the caller's time is over
    may_repeat: bool = True  # it is a function of what it sends: doing it twice is doing it once

    def body(self) -> bytes:
        if self.payload is None:
            return b""
        # What no UTF-8 can spell goes as it is: the server says which record it refuses.
        return json.dumps({"payload": self.payload}, ensure_ascii=False).encode("utf-8", "surrogatepass")


Make = Callable[[list[str]], Call[list[T]]]  # of a few texts out of many


def failing(make: Make[T]) -> Callable[[list[str], RecordError], list[T]]:
    """The answers of texts that failed together, as if the server had told it of each."""

    def answers(texts: list[str], error: RecordError) -> list[T]:
        told = {"code": error.code, "message": error.message}
        rows = [{"id": place, "error": told} for place in range(len(texts))]
        return make(texts).read(Received(status=200, headers={}, body=json.dumps({"result": rows}).encode()))

    return answers


class Saves(Protocol):
    """A picture of Pillow's."""

    def save(self, fp: Any, format: str) -> None: ...


Picture = str | PathLike[str] | bytes | Saves  # the path of a file, its bytes, or a picture of Pillow's
# Not `Sequence`: a text is one of texts, too.
Pictures = list[Any] | tuple[Any, ...]
Texts = list[str] | tuple[str, ...]
Glossary = Mapping[str, str] | list[str] | tuple[str, ...]


@overload
def translate(
    texts: str,
    *,
    to: str,
    from_: str = ...,
    glossary: Glossary | None = ...,
    html: bool = ...,
    model: str | None = ...,
) -> Call[Translation]: ...
@overload
def translate(
    texts: Texts,
    *,
    to: str,
    from_: str = ...,
    glossary: Glossary | None = ...,
    html: bool = ...,
    model: str | None = ...,
) -> Call[list[Translation]]: ...
def translate(
    texts: str | Texts,
    *,
    to: str,
    from_: str = "auto",
    glossary: Glossary | None = None,
    html: bool = False,
    model: str | None = None,
) -> Call[Translation] | Call[list[Translation]]:
    """A text, or several in their order. Without `from_` the server finds out what each is in.

    `glossary` has words and what each becomes, or words to keep. Of HTML the words are translated.
    """
    asked = {"fromLang": from_, "toLang": to, "glossary": glossary, "format": "html" if html else None, "model": model}
    return _of_texts("/translation", texts, reading.translation, **asked)


@overload
def classify(
    texts: str,
    *,
    top_k: int = ...,
    labels: Sequence[str] | None = ...,
    template: str | None = ...,
    multi_label: bool | None = ...,
    model: str | None = ...,
) -> Call[Classification]: ...
@overload
def classify(
    texts: Texts,
    *,
    top_k: int = ...,
    labels: Sequence[str] | None = ...,
    template: str | None = ...,
    multi_label: bool | None = ...,
    model: str | None = ...,
) -> Call[list[Classification]]: ...
def classify(
    texts: str | Texts,
    *,
    top_k: int = 1,
    labels: Sequence[str] | None = None,
    template: str | None = None,
    multi_label: bool | None = None,
    model: str | None = None,
) -> Call[Classification] | Call[list[Classification]]:
    """The best label, and as many as `top_k` says. Where `labels` are named a zero-shot model chooses from these."""
    asked = {"topK": top_k, "labels": labels, "template": template, "multiLabel": multi_label, "model": model}
    return _of_texts("/classification", texts, reading.classification, **asked)


@overload
def embed(texts: str, *, prompt: str | None = ..., model: str | None = ...) -> Call[Embedding]: ...
@overload
def embed(texts: Texts, *, prompt: str | None = ..., model: str | None = ...) -> Call[list[Embedding]]: ...
def embed(
    texts: str | Texts, *, prompt: str | None = None, model: str | None = None
) -> Call[Embedding] | Call[list[Embedding]]:
    """A vector. `prompt` names one of the model's prompts, such as query or document."""
    return _of_texts("/embedding", texts, reading.embedding, promptName=prompt, model=model)


@overload
def classify_image(pictures: Picture, *, top_k: int = ..., model: str | None = ...) -> Call[Classification]: ...
@overload
def classify_image(pictures: Pictures, *, top_k: int = ..., model: str | None = ...) -> Call[list[Classification]]: ...
def classify_image(
    pictures: Picture | Pictures, *, top_k: int = 1, model: str | None = None
) -> Call[Classification] | Call[list[Classification]]:
    """As `classify`. A picture is the path of its file, the file's bytes, or one of Pillow's."""
    several = pictures if isinstance(pictures, list | tuple) else [pictures]
    records = [{"id": at, "image": _base64(one)} for at, one in enumerate(several)]
    payload = _payload(records, topK=top_k, model=model)
    address, read = "/image-classification", reading.classification
    return _of_records(address, payload, len(records), read, is_one=several is not pictures)


def rerank(query: str, texts: Texts, *, top_k: int | None = None, model: str | None = None) -> Call[list[Ranking]]:
    """How well each text answers the query, best first."""
    payload = _payload(_records(texts), query=query, topK=top_k, model=model)
    return Call(address="/rerank", payload=payload, read=partial(reading.ranked, texts=texts))


def cluster(
    texts: Sequence[str], *, threshold: float | None = None, min_size: int = 1, model: str | None = None
) -> Call[Clusters]:
    """Which texts mean alike: the largest cluster first. Those below `min_size` are left out."""
    payload = _payload(_records(texts), threshold=threshold, minSize=min_size, model=model)
    return Call(address="/clustering", payload=payload, read=partial(reading.clusters, texts=texts))


@overload
def ask(model: str, texts: str, **fields: Any) -> Call[Answer]: ...
@overload
def ask(model: str, texts: Texts, **fields: Any) -> Call[list[Answer]]: ...
def ask(model: str, texts: str | Texts, **fields: Any) -> Call[Answer] | Call[list[Answer]]:
    """Of a model by its name, such as one of your own; `fields` are those of its payload. An answer's `raw` has it."""
    return _of_texts(f"/models/{quote(model, safe='')}", texts, reading.answer, **fields)


def models() -> Call[list[Model]]:
    """Every model that the server has seen."""
    return Call(method="GET", address="/v1/models", read=reading.models)


def _of_texts(address: str, texts: str | Texts, read: ReadRow[A], **fields: Any) -> Call[A] | Call[list[A]]:
    is_one = isinstance(texts, str)
    records = _records([texts] if isinstance(texts, str) else texts)
    return _of_records(address, _payload(records, **fields), len(records), read, is_one=is_one)


def _of_records(
    address: str, payload: Mapping[str, Any], count: int, read: ReadRow[A], *, is_one: bool
) -> Call[A] | Call[list[A]]:
    if is_one:
        return Call(address=address, payload=payload, read=partial(reading.one, read=read))
    return Call(address=address, payload=payload, read=partial(reading.in_order, count=count, read=read))


def _records(texts: Sequence[str]) -> list[Mapping[str, Any]]:
    return [{"id": at, "text": text} for at, text in enumerate(texts)]


def _payload(records: Sequence[Mapping[str, Any]], **fields: Any) -> Mapping[str, Any]:
    """What nobody said stays out: the server knows its defaults."""
    return {name: value for name, value in fields.items() if value is not None} | {"records": records}


def _base64(picture: Picture) -> str:
    return base64.b64encode(_file(picture)).decode("ascii")


def _file(picture: Picture) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, str | PathLike):
        return Path(picture).read_bytes()
    written = io.BytesIO()
    picture.save(written, format="PNG")
    return written.getvalue()
