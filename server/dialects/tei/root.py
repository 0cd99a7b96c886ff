"""POST /: a server of TEI has one model, which is meant. Here the body tells, and then which tasks there are."""

from __future__ import annotations

from msgspec import Raw, Struct
from msgspec.json import Decoder

from broker.common.tasks import CLASSIFICATION, EMBEDDING, RERANK
from server.api.incoming import Incoming
from server.api.schema.envelope import read
from server.dialects.asking import Ask, Asking
from server.dialects.contract import Call
from server.dialects.tei.asks import embed, predict, rerank, similarity
from server.dialects.tei.errors import FLAVOUR


class Looked(Struct, frozen=True):
    """So much as tells what a body is."""

    inputs: Raw = Raw()
    query: Raw = Raw()
    model: str | None = None


LOOK = Decoder(Looked)


class Root(Asking):
    """Vectors rather than labels where there are models for both."""

    known_by = ("inputs", "query")

    def __init__(self) -> None:
        super().__init__(FLAVOUR)

    def read(self, incoming: Incoming) -> Call:
        task, ask = _meant(read(LOOK, incoming.body), incoming)
        asked = ask(incoming)
        served = incoming.model_of(task, asked.model)
        return Call(self, served, asked.inputs, asked.options, memo=asked, beside=asked.beside)


def _meant(looked: Looked, incoming: Incoming) -> tuple[str, Ask]:
    if bytes(looked.query):
        return RERANK.name, rerank
    if bytes(looked.inputs).startswith(b"{"):
        return EMBEDDING.name, similarity
    if looked.model is not None:
        is_classifier = incoming.task_of(looked.model) == CLASSIFICATION.name
    else:
        is_classifier = not incoming.has(EMBEDDING.name) and incoming.has(CLASSIFICATION.name)
    return (CLASSIFICATION.name, predict) if is_classifier else (EMBEDDING.name, embed)
