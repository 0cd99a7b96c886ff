"""The addresses of batches, as the OpenAPI document describes them."""

from __future__ import annotations

from functools import partial

from server.api.operation import ALWAYS, Operation
from server.api.schema.openai import OpenAIProblem
from server.batches.schema import BatchDocument, BatchList, BatchRequest, ListOfBatches
from server.dialects.openai.errors import status_of

PATH = "/v1/batches"
PROBLEMS = (*ALWAYS, 404, 503)
_operation = partial(Operation, problem=OpenAIProblem, status_of=status_of)

BATCHES = (
    _operation(
        method="post",
        path=PATH,
        summary="Compute the requests of a file, in the bulk lane",
        body=BatchRequest,
        has_model=False,
        has_webhook=True,
        example=lambda languages: {
            "input_file_id": "file-…",
            "endpoint": "/v1/embeddings",
            "completion_window": "24h",
        },
        reply=BatchDocument,
        problems=(*PROBLEMS, 413, 507),
    ),
    _operation(
        method="get",
        path=PATH,
        summary="The batches, newest first",
        query=ListOfBatches,
        reply=BatchList,
        problems=PROBLEMS,
    ),
    _operation(method="get", path=f"{PATH}/{{id}}", summary="How far it is", reply=BatchDocument, problems=PROBLEMS),
    _operation(
        method="post",
        path=f"{PATH}/{{id}}/cancel",
        summary="End it with what there is",
        reply=BatchDocument,
        problems=(*PROBLEMS, 507),
    ),
)
