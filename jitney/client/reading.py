"""Replies as answers. Pure. Whatever is not as a Jitney says it is a `BadReply`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from jitney.client.answers import (
    Answer,
    Classification,
    Cluster,
    Clusters,
    Embedding,
    Model,
    Progress,
    Ranking,
    Reply,
    Score,
    Translation,
)
from jitney.client.errors import BadReply, RecordError, as_json, refused
from jitney.client.headers import timing
from jitney.client.received import Received

T = TypeVar("T")
A = TypeVar("A", bound=Answer)
Row = Mapping[str, Any]
ReadRow = Callable[[Row, Reply], A]


def document(received: Received) -> Any:
    """The reply's JSON. Raises `Refused` for a refusal."""
    if not 200 <= received.status < 300:
        raise refused(received)
    said = as_json(received.body)
    if not isinstance(said, dict):
        raise BadReply(f"{received.status}, and no JSON object: this is not a Jitney")
    return said


def in_order(received: Received, *, count: int, read: ReadRow[A]) -> list[A]:
    """An answer a record."""
    found, told = _rows(received)
    if understood(lambda: [row["id"] for row in found]) != list(range(count)):
        raise BadReply("the reply has not a row for each record: this is not a Jitney")
    return understood(lambda: [read(row, told) for row in found])


def one(received: Received, *, read: ReadRow[A]) -> A:
    """The answer of a call that has one record."""
    return in_order(received, count=1, read=read)[0]


def ranked(received: Received, *, texts: Sequence[str]) -> list[Ranking]:
    """As they stand in the reply: best first."""
    found, told = _rows(received)
    return understood(lambda: [_ranking(row, told, texts) for row in found])


def _rows(received: Received) -> tuple[Sequence[Row], Reply]:
    said = document(received)
    return understood(lambda: (said["result"], reply(received, said)))


def understood(read: Callable[[], T]) -> T:
    """What it returns. Raises `BadReply` where a field is missing or of another type."""
    try:
        return read()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BadReply(f"the reply cannot be read: {type(error).__name__}: {error}") from error


def reply(received: Received, said: Row) -> Reply:
    headers = received.headers
    return Reply(
        request_id=headers.get("x-request-id", ""),
        model=headers.get("jitney-model", ""),
        timing=timing(headers),
        warnings=tuple(said.get("warnings", ())),
    )


def _common(row: Row, told: Reply) -> dict[str, Any]:
    error = row.get("error")
    failed = None if error is None else RecordError(code=str(error["code"]), message=str(error["message"]))
    return {"error": failed, "raw": row, "reply": told}


def translation(row: Row, told: Reply) -> Translation:
    return Translation(
        text=row.get("text", ""),
        detected=row.get("detectedLang", ""),
        detected_score=row.get("detectedScore", 0.0),
        degenerate=row.get("degenerate", False),
        truncated=row.get("truncated", False),
        unread=row.get("unread", 0),
        **_common(row, told),
    )


def classification(row: Row, told: Reply) -> Classification:
    common = _common(row, told)
    if common["error"]:
        return Classification(**common)
    found = row.get("labels") or [row]
    labels = tuple(Score(label=one["label"], score=one["score"]) for one in found)
    return Classification(label=labels[0].label, score=labels[0].score, labels=labels, **common)


def embedding(row: Row, told: Reply) -> Embedding:
    return Embedding(vector=tuple(row.get("embedding", ())), **_common(row, told))


def answer(row: Row, told: Reply) -> Answer:
    return Answer(**_common(row, told))


def _ranking(row: Row, told: Reply, texts: Sequence[str]) -> Ranking:
    at, score, is_cut = row["index"], row.get("score", 0.0), row.get("truncated", False)
    return Ranking(index=at, text=texts[at], score=score, truncated=is_cut, **_common(row, told))


def clusters(received: Received, *, texts: Sequence[str]) -> Clusters:
    said = document(received)
    return understood(lambda: _clusters(said, texts, reply(received, said)))


def _clusters(said: Row, texts: Sequence[str], told: Reply) -> Clusters:
    found = tuple(
        Cluster(
            texts=tuple(texts[place] for place in row["records"]),
            places=tuple(row["records"]),
            cohesion=row["cohesion"],
        )
        for row in said["result"]
    )
    errors = {row["id"]: _common(row, told)["error"] for row in said.get("errors", ())}
    return Clusters(clusters=found, errors=errors, raw=said, reply=told)


def models(received: Received) -> list[Model]:
    said = document(received)
    return understood(lambda: [_model(row) for row in said["models"]])


def _model(row: Row) -> Model:
    return Model(
        name=row["name"],
        task=row["task"],
        revision=row["revision"],
        status=row["status"],
        is_default=row["default"],
        batchers=row["batchers"],
        languages=tuple(row["languages"]),
        labels=tuple(row["labels"]),
        raw=row,
    )


def progress(received: Received) -> Progress:
    said = document(received)
    counts = ("id", "status", "records", "done", "failed")
    return understood(lambda: Progress(**{name: said[name] for name in counts}, raw=said))
