"""POST /tokenize: texts as the model reads them. The codec answers, and no batcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec.json import Decoder, encode

from broker.common.tasks import EMBEDDING
from broker.messages import FailureCode, Value
from server.api.incoming import Incoming
from server.api.schema.envelope import read
from server.codecs.contract import Input, Plan, Tokenizes
from server.codecs.work import UNBOUNDED, Work
from server.dialects.asking import Asked, Asking
from server.dialects.contract import Call, Dialect, Row
from server.dialects.tei.asks import listed, place_of, prompt
from server.dialects.tei.errors import FLAVOUR
from server.dialects.tei.pages import TASKS
from server.dialects.tei.schema import TeiTokenizeRequest
from server.errors import Problem
from server.fleet.directory import Served
from server.requests.request import Record

BODY = Decoder(TeiTokenizeRequest)


class Tokenize(Asking):
    """Of the model that the address names, or the body, or that a client of TEI would mean."""

    def __init__(self, times: int) -> None:
        super().__init__(FLAVOUR)
        self.times = times

    def read(self, incoming: Incoming) -> Call:
        request = read(BODY, incoming.body)
        served = _served(incoming, incoming.path_params.get("name", request.model))
        asked = Asked(
            inputs=listed(request.inputs),
            written=_written,
            options=prompt(request.prompt_name),
            place=place_of(request.inputs),
        )
        telling = replace(served, codec=Telling(_tokenizing(served), with_special=request.add_special_tokens))
        return Call(self, telling, asked.inputs, asked.options, memo=asked)

    def decoded(self, call: Call, records: Sequence[Record]) -> Sequence[Row | Problem]:
        return Dialect.decoded(self, call, records)


class Telling:
    """A codec whose answer to a text are its tokens, as JSON."""

    def __init__(self, codec: Tokenizes, *, with_special: bool) -> None:
        self._codec, self._with_special = codec, with_special

    def check(self, options: Mapping[str, Any]) -> None:
        """What is wrong with them is wrong with the first text."""

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """Without pieces."""
        work.check()
        tokens = self._codec.tokens(input, options, with_special=self._with_special)
        told = encode([*tokens])
        work.spend(0, size=len(told))
        return Plan(memo=told)

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """What was made then."""
        return {"tokens": plan.memo}


def _served(incoming: Incoming, name: str | None) -> Served:
    if name is not None:
        return incoming.model_named(name)
    return incoming.model_of(next(filter(incoming.has, TASKS), EMBEDDING.name))


def _tokenizing(served: Served) -> Tokenizes:
    """Its codec. Raises `Problem` (invalid_input)."""
    if isinstance(served.codec, Tokenizes):
        return served.codec
    said = f"The tokens of {served.card.name!r} cannot be told: only models that label, embed or rank texts"
    raise Problem(FailureCode.INVALID_INPUT, f"{said} by a tokenizer.json have some to tell.")


def _written(call: Call, rows: Sequence[Row]) -> bytes:
    return b"[%b]" % b",".join([row["tokens"] for row in rows])
