"""POST /v1/embeddings: how OpenAI spells texts and vectors. A request is answered whole or not at all."""

from __future__ import annotations

import re
from array import array
from base64 import b64encode
from collections.abc import Sequence

from msgspec import Struct
from msgspec.json import Decoder

from broker.common.tasks import EMBEDDING
from server.api.incoming import Incoming
from server.api.schema.envelope import read
from server.api.schema.openai import OpenAIEmbeddingRequest
from server.dialects.contract import Call, Row
from server.dialects.openai.errors import refuse
from server.dialects.vectors import as_numbers, vectors
from server.dialects.whole import Whole
from server.errors import Problem, Refusal
from server.json import to_json
from server.requests.request import Record

BODY = Decoder(OpenAIEmbeddingRequest)
TOKEN_IDS = re.compile(rb'"input"\s*:\s*\[[\s\[]*-?\d')
FIELD = re.compile(r"`\$\.(\w+)")  # where a body that cannot be read says that it is wrong
NO_TOKEN_IDS = (
    "'input' has token ids, and this model has a vocabulary of its own: send texts. With langchain_openai that is"
    " OpenAIEmbeddings(check_embedding_ctx_length=False)."
)
TIMES = 8  # by default 2048 texts, as many as OpenAI takes; langchain sends 1000 at a time


class Wanted(Struct, frozen=True, kw_only=True):
    """The memo of a call: how its vectors are written."""

    model: str  # as the request calls it
    is_list: bool  # it has several texts, or may have
    is_base64: bool
    dimensions: int | None


class Embeddings(Whole):
    """More texts at a time than elsewhere. Vectors have come as float32 when the reply is written: as lists of numbers
    all would take eight times as much memory."""

    times = TIMES

    def read(self, incoming: Incoming) -> Call:
        asked = _asked(incoming.body)
        served = incoming.model_of(EMBEDDING.name, asked.model)
        wanted = Wanted(
            model=asked.model or served.card.name,
            is_list=not isinstance(asked.input, str),
            is_base64=asked.encoding_format == "base64",
            dimensions=None if asked.dimensions is None else int(asked.dimensions),
        )
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        options = {} if asked.prompt_name is None else {"promptName": asked.prompt_name}
        return Call(self, served, texts, options, memo=wanted)

    def decoded(self, call: Call, records: Sequence[Record]) -> Sequence[Row | Problem]:
        return vectors(call, records, call.memo.dimensions)

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        """Raises the first problem, with its place."""
        shown = _as_base64 if call.memo.is_base64 else as_numbers
        reply = bytearray(b'{"object":"list","data":[')
        for place, row in enumerate(self.rows(call, answers)):
            reply += b"," if place else b""
            reply += b'{"object":"embedding","index":%d,"embedding":%b}' % (place, shown(row["embedding"]))
        usage = {"prompt_tokens": call.tokens, "total_tokens": call.tokens}
        reply += b'],"model":%b,"usage":%b}' % (to_json(call.memo.model), to_json(usage))
        return bytes(reply)

    def of_input(self, problem: Problem, place: int, call: Call) -> Problem:
        """It says which, where there may be several."""
        if problem.extra.get("param") or not call.memo.is_list:
            return problem
        said = f"input[{place}]: {problem.detail}"
        return Problem(problem.code, said, retry_after=problem.retry_after, **problem.extra, param="input")

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        return refuse(problem, request_id)


def _asked(body: bytes) -> OpenAIEmbeddingRequest:
    """Raises `Problem` (malformed) that names the field, where it is one of ours."""
    try:
        return read(BODY, body)
    except Problem as problem:
        found = FIELD.search(problem.detail)
        field = found[1] if found else None
        said = NO_TOKEN_IDS if TOKEN_IDS.search(body) else problem.detail
        raise Problem(problem.code, said, param=field) from problem


def _as_base64(vector: array[float]) -> bytes:
    return b'"%b"' % b64encode(vector.tobytes())
