"""The Open Inference Protocol as a front end speaks it, with the addresses of those platforms that send `instances`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.common.tasks import EMBEDDING
from server.api.operation import ALWAYS, Operation
from server.api.ops import health, ping
from server.api.schema.service import ProblemDocument
from server.dialects.contract import Dialect
from server.dialects.either import FOR_ALL
from server.dialects.family import Family
from server.dialects.oip import pages
from server.dialects.oip import schema as oip
from server.dialects.oip.errors import FLAVOUR, PROBLEMS
from server.dialects.oip.infer import Infer
from server.dialects.oip.instances import Instances
from server.dialects.tei.family import OF_PROCESS
from server.dialects.tei.schema import TeiProblem

SHARED = ("/predict", "/invocations")  # with TEI
BY_ROWS = ("/v1/models/{name}:predict", *SHARED)
INFERENCES: Mapping[str, Dialect] = {f"{pages.MODEL}/infer": Infer(), **{path: Instances() for path in BY_ROWS}}
TENSOR = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [EMBEDDING.text]}


def _post(path: str, summary: str, body: Any, example: Any, reply: Any, problem: Any = TeiProblem) -> Operation:
    return Operation(
        method="post",
        path=path,
        summary=summary,
        body=body,
        example=lambda languages: example,
        reply=reply,
        problems=PROBLEMS if problem is TeiProblem else (400, 408, 413, 415, 503, 504),
        problem=problem,
        status_of=FLAVOUR.status_of,
    )


def _get(path: str, summary: str, reply: Any, *further: int) -> Operation:
    problems: Sequence[int] = (*ALWAYS, *further, 503)
    return Operation(method="get", path=path, summary=summary, reply=reply, problems=problems, problem=TeiProblem)


ROWS = {"instances": [EMBEDDING.text], "parameters": {"model": "demo"}}
OPERATIONS = (
    _post(
        f"{pages.MODEL}/infer",
        "Compute a tensor, as the Open Inference Protocol has it",
        oip.OipRequest,
        {"inputs": [TENSOR]},
        oip.OipReply,
    ),
    *(_post(path, "Compute instances", oip.OipInstancesRequest, ROWS, oip.OipPredictions) for path in BY_ROWS),
    *(
        _post(path, "Compute instances", oip.OipInstancesRequest, ROWS, oip.OipPredictions, ProblemDocument)
        for path in SHARED  # where it is told so what is wrong before the body says whose it is
    ),
    _get("/v2", "What this server is", oip.OipServer),
    _get("/v2/health/live", "Is this process alive", oip.OipLive),
    _get("/v2/health/ready", "Can this process answer", oip.OipReady),
    _get(pages.MODEL, "What a model takes and gives", oip.OipModel, 404),
    _get(f"{pages.MODEL}/ready", "Whether a model answers", oip.OipModelReady, 404),
    *OF_PROCESS,
)

FAMILY = Family(
    name="oip",
    inferences=INFERENCES,
    pages=(pages.server, pages.live, pages.ready, pages.model, pages.model_ready, health, ping),
    flavours={"/v2": FLAVOUR.refuse, "/v2/": FLAVOUR.refuse}
    | {path: FOR_ALL.refuse for path in (*SHARED, "/health", "/ping")},
    operations=OPERATIONS,
)
