"""POST /rerank as Jina has it, /v1/rerank and /v2/rerank as Cohere has it: a query and documents in, ranks out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.json import Decoder

from broker.common.tasks import RERANK
from broker.messages import FailureCode
from server.api.incoming import Incoming
from server.api.operation import Operation, problems_of_inferences
from server.api.schema.envelope import read
from server.dialects.asking import Asked, OfTask
from server.dialects.best_first import ranks
from server.dialects.contract import Call, Row
from server.dialects.either import FOR_ALL
from server.dialects.family import Family
from server.dialects.flavour import Flavour
from server.dialects.rerank.schema import RankingReply, RankingRequest
from server.dialects.tei.schema import TeiProblem
from server.json import to_json

PATHS = ("/rerank", "/v1/rerank", "/v2/rerank")
FLAVOUR = Flavour(statuses={FailureCode.MODEL_ERROR: 422, FailureCode.POISON: 422})
BODY = Decoder(RankingRequest)


def rank(incoming: Incoming) -> Asked:
    """The places of the documents and their scores, best first."""
    asked = read(BODY, incoming.body)
    texts = [one if isinstance(one, str) else one.text for one in asked.documents]
    top = None if asked.top_n is None else int(asked.top_n)
    shown = texts if asked.return_documents else None
    return Asked(
        inputs=texts,
        written=partial(_written, request=incoming.request_id, model=asked.model, top=top, texts=shown),
        options={"query": asked.query},
        model=asked.model,
        place="documents[{}]",
        beside=len(asked.query),
    )


def _written(
    call: Call, rows: Sequence[Row], *, request: str, model: str | None, top: int | None, texts: Sequence[str] | None
) -> bytes:
    results = [{"index": place, "relevance_score": score} for place, score in ranks(rows)[:top]]
    return to_json(
        {
            "id": request,
            "model": model or call.served.card.name,
            "results": results if texts is None else [_with_document(one, texts) for one in results],
            "usage": {"total_tokens": call.tokens},
            "meta": {"tokens": {"input_tokens": call.tokens, "output_tokens": 0}},
        }
    )


def _with_document(result: Row, texts: Sequence[str]) -> Row:
    return result | {"document": {"text": texts[result["index"]]}}


def _operation(path: str) -> Operation:
    documents = [RERANK.text, *RERANK.others]
    return Operation(
        method="post",
        path=path,
        summary="Order documents by how well they answer a query, as Jina's and Cohere's clients ask for it",
        task=RERANK.name,
        body=RankingRequest,
        example=lambda languages: {"query": RERANK.options["query"], "documents": documents, "top_n": 1},
        reply=RankingReply,
        problems=problems_of_inferences(FLAVOUR.status_of),
        problem=TeiProblem,
        status_of=FLAVOUR.status_of,
    )


FAMILY = Family(
    name="rerank",
    inferences={path: OfTask(RERANK.name, rank, "documents", FLAVOUR) for path in PATHS},
    flavours={"/rerank": FOR_ALL.refuse, "/v1/rerank": FLAVOUR.refuse, "/v2/rerank": FLAVOUR.refuse},
    operations=[_operation(path) for path in PATHS],
)
