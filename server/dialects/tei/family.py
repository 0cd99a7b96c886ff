"""TEI's API as a front end speaks it: its addresses as they are, and below a model's own for clients of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from broker.common.tasks import CLASSIFICATION, EMBEDDING, RERANK, Task
from server.api.limits import most_records
from server.api.operation import ALWAYS, Operation, Schema
from server.api.ops import health, ping
from server.api.schema.classification import Scored
from server.api.schema.service import ProblemDocument
from server.codecs.contract import Token
from server.dialects.asking import OfTask
from server.dialects.contract import Dialect
from server.dialects.either import FOR_ALL
from server.dialects.family import Family
from server.dialects.tei import asks
from server.dialects.tei import schema as tei
from server.dialects.tei.errors import FLAVOUR, PROBLEMS
from server.dialects.tei.pages import OF_ONE, health_of_one, info, info_of_one, root
from server.dialects.tei.root import Root
from server.dialects.tei.tokenize import Decode, Tokenize
from server.settings import ServerSettings

TIMES = 8  # as many texts to embed as OpenAI's clients may send
OF_TASKS: Mapping[str, Dialect] = {
    "/embed": OfTask(EMBEDDING.name, asks.embed, "inputs", FLAVOUR, TIMES),
    "/predict": OfTask(CLASSIFICATION.name, asks.predict, "inputs", FLAVOUR),
    "/rerank": OfTask(RERANK.name, asks.rerank, "texts", FLAVOUR),
    "/similarity": OfTask(EMBEDDING.name, asks.similarity, "inputs", FLAVOUR),
    "/tokenize": Tokenize(TIMES),
    "/decode": Decode(TIMES),
}
OF_ONES = {OF_ONE + path: dialect for path, dialect in OF_TASKS.items()}
INFERENCES: Mapping[str, Dialect] = {"/": Root(), "/invocations": Root(), **OF_TASKS, **OF_ONES}
MANY = (tei.TeiEmbedRequest, tei.TeiTokenizeRequest)
NOT_THERE = ("/embed_all", "/embed_sparse")
OWN = ("/", "/embed", "/similarity", "/tokenize", "/decode", "/info", *NOT_THERE)
SHARED = ("/rerank", "/predict", "/invocations", "/models/", "/health", "/ping")  # with others


def bound(schemas: Mapping[str, Schema], settings: ServerSettings, models: Sequence[str]) -> None:
    """How many texts there may be."""
    for kind in MANY:
        schemas[kind.__name__]["properties"]["inputs"]["anyOf"][1]["maxItems"] = most_records(settings, TIMES)


def _post(path: str, summary: str, task: Task, body: Any, example: Any, reply: Any) -> Operation:
    return Operation(
        method="post",
        path=path,
        summary=summary,
        task=task.name,
        body=body,
        example=lambda languages: example,
        reply=reply,
        problems=PROBLEMS,
        problem=tei.TeiProblem,
        status_of=FLAVOUR.status_of,
        bound=bound if body in MANY else None,
    )


def _get(path: str, summary: str, reply: Any, *further: int) -> Operation:
    is_shared = path in SHARED  # so whoever asks is told as a problem document
    problems, problem = (*ALWAYS, *further, 503), ProblemDocument if is_shared else tei.TeiProblem
    return Operation(method="get", path=path, summary=summary, reply=reply, problems=problems, problem=problem)


ONE_TEXT = {"inputs": EMBEDDING.text}
PAIR = {"inputs": {"source_sentence": EMBEDDING.text, "sentences": [RERANK.text]}}
IDS = {"ids": [1, 2]}
RANKS = {"query": RERANK.options["query"], "texts": [RERANK.text, *RERANK.others]}
VECTORS, LABELS = list[list[float]], list[Scored | list[Scored]]
RANKED, COSINES, TOKENS = list[tei.TeiRank], list[float], list[list[Token]]

OF_ADDRESSES = (
    _post("/embed", "Turn texts into vectors, as TEI does", EMBEDDING, tei.TeiEmbedRequest, ONE_TEXT, VECTORS),
    _post("/predict", "Label texts, as TEI does", CLASSIFICATION, tei.TeiPredictRequest, ONE_TEXT, LABELS),
    _post("/rerank", "Order texts, as TEI does", RERANK, tei.TeiRerankRequest, RANKS, RANKED),
    _post("/similarity", "Compare texts, as TEI does", EMBEDDING, tei.TeiSimilarityRequest, PAIR, COSINES),
)
TOKENIZE = _post(
    "/tokenize", "Show the tokens of texts, as TEI does", EMBEDDING, tei.TeiTokenizeRequest, ONE_TEXT, TOKENS
)
DECODE = _post("/decode", "Show tokens as text, as TEI does", EMBEDDING, tei.TeiDecodeRequest, IDS, list[str])
OF_SERVICE = (
    _get("/info", "What the model is that TEI's addresses ask", tei.TeiInfo),
    _get(f"{OF_ONE}/info", "What this model is, as TEI tells it", tei.TeiInfo, 404),
    _get(f"{OF_ONE}/health", "Whether this model answers", tei.TeiHealth, 404),
    _get("/", "Whether this process can answer, as TEI tells it", tei.TeiHealth),
)
OF_PROCESS = (
    _get("/health", "Whether this process can answer, for clients of other servers", tei.TeiHealth),
    _get("/ping", "The same", tei.TeiHealth),
)

FAMILY = Family(
    name="tei",
    inferences=INFERENCES,
    pages=(root, info, info_of_one, health_of_one, health, ping),
    flavours={path: FLAVOUR.refuse for path in OWN} | {path: FOR_ALL.refuse for path in SHARED},
    operations=(
        *OF_ADDRESSES,
        TOKENIZE,
        DECODE,
        *(replace(one, path=OF_ONE + one.path) for one in (*OF_ADDRESSES, TOKENIZE, DECODE)),
        *(replace(one, path=path) for path in ("/", "/invocations") for one in OF_ADDRESSES),
        *OF_SERVICE,
        *OF_PROCESS,
    ),
)
