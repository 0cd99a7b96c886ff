"""How OpenAI's clients get vectors: more texts at a time than ours, and refused before anything is computed in vain."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from broker.messages import FailureCode
from server.api.inference import Inference, Made
from server.clustering.endpoint import NOT_ONE_MODEL
from server.codecs.encoding import decode
from server.codecs.work import Work
from server.dialects.contract import Call, Dialect
from server.dialects.openai.embeddings import of_input, vector
from server.errors import Problem
from server.front_end import FrontEnd
from server.http.bytes_in_hand import most_large
from server.requests.request import Record
from server.settings import ServerSettings

TIMES = 8  # as much as elsewhere: by default 2048 texts, as many as OpenAI takes; langchain sends 1000 at a time


class OpenAIEmbeddings(Inference):
    """The ASGI endpoint of /v1/embeddings: the memo of its calls is a `Wanted`."""

    def __init__(self, front_end: FrontEnd, dialect: Dialect) -> None:
        super().__init__(front_end, dialect)
        self._max_records = most_texts(front_end.settings)
        self._max_body_bytes = most_bytes(front_end.settings)

    def _encode(self, call: Call, work: Work) -> tuple[Call, list[Record]]:
        call, records = super()._encode(call, work)
        for place, record in enumerate(records):
            if record.problem is not None:
                raise of_input(record.problem, place, call.memo)
        return call, records

    def _decode(self, call: Call, records: Sequence[Record]) -> Made:
        if len({record.codec for record in records if record.problem is None}) > 1:
            raise Problem(FailureCode.NO_BATCHER, NOT_ONE_MODEL)
        card = call.served.card
        answers = [
            vector(record.problem or decode(record.codec, record.plan, record.in_order()), call.memo, card)
            for record in records
        ]
        tokens = sum(piece.cost for record in records for piece in record.plan.pieces)
        return answers, self._written(replace(call, memo=replace(call.memo, tokens=tokens)), answers)


def most_texts(settings: ServerSettings) -> int:
    """In one request."""
    return TIMES * settings.max_records


def most_bytes(settings: ServerSettings) -> int:
    """Of one request's body."""
    return max(settings.max_body_bytes, min(TIMES * settings.max_body_bytes, most_large(settings.max_bytes_in_hand)))
