"""POST /tokenize and /decode: texts as the model reads them, and back. The codec answers, and no batcher."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
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
from server.dialects.tei.schema import TeiDecodeRequest, TeiTokenizeRequest
from server.errors import Problem
from server.fleet.directory import Served
from server.requests.request import Record

TOKENIZE, DECODE = Decoder(TeiTokenizeRequest), Decoder(TeiDecodeRequest)
IDS = "I"  # how ids go to the codec: as the bytes of such an array
Tell = Callable[[Tokenizes, Any, Mapping[str, Any]], Any]


class OfTokenizer(Asking):
    """Of the model that the address names, or the body, or that a client of TEI would mean."""

    is_cacheable = False

    def __init__(self, times: int) -> None:
        super().__init__(FLAVOUR)
        self.times = times

    def call(self, incoming: Incoming, model: str | None, asked: Asked, tell: Tell) -> Call:
        served = _served(incoming, incoming.path_params.get("name", model))
        telling = replace(served, codec=Telling(_tokenizing(served), tell))
        return Call(self, telling, asked.inputs, asked.options, memo=asked)

    def decoded(self, call: Call, records: Sequence[Record]) -> Sequence[Row | Problem]:
        return Dialect.decoded(self, call, records)


class Tokenize(OfTokenizer):
    """Tokens of texts."""

    def read(self, incoming: Incoming) -> Call:
        request = read(TOKENIZE, incoming.body)

        def tell(codec: Tokenizes, text: Input, options: Mapping[str, Any]) -> Any:
            return [*codec.tokens(text, options, with_special=request.add_special_tokens)]

        asked = Asked(
            inputs=listed(request.inputs),
            written=_written,
            options=prompt(request.prompt_name),
            place=place_of(request.inputs),
        )
        return self.call(incoming, request.model, asked, tell)


class Decode(OfTokenizer):
    """Texts of tokens."""

    def read(self, incoming: Incoming) -> Call:
        request = read(DECODE, incoming.body)

        def tell(codec: Tokenizes, ids: bytes, options: Mapping[str, Any]) -> Any:
            return codec.text_of_ids(array(IDS, ids), with_special=not request.skip_special_tokens)

        lists, is_list = _lists(request.ids)
        inputs = [array(IDS, ids).tobytes() for ids in lists]
        asked = Asked(inputs=inputs, written=_written, place="ids[{}]" if is_list else "")
        return self.call(incoming, request.model, asked, tell)


class Telling:
    """A codec whose answer to an input is what is told of it, as JSON."""

    def __init__(self, codec: Tokenizes, tell: Tell) -> None:
        self._codec, self._tell = codec, tell

    def check(self, options: Mapping[str, Any]) -> None:
        """What is wrong with them is wrong with the first input."""

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """Without pieces."""
        work.check()
        told = encode(self._tell(self._codec, input, options))
        work.spend(0, size=len(told))
        return Plan(memo=told)

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """What was made then."""
        return {"told": plan.memo}


def _lists(ids: list[int | list[int]]) -> tuple[list[list[int]], bool]:
    """The ids of each text, and whether there may be several. Raises `Problem` (invalid_input)."""
    several = [one for one in ids if isinstance(one, list)]
    if several and len(several) < len(ids):
        raise Problem(FailureCode.INVALID_INPUT, "ids has both ids and lists of them: send [[1, 2], [3]].")
    alone = [one for one in ids if isinstance(one, int)]
    return several or [alone], bool(several)


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
    return b"[%b]" % b",".join([row["told"] for row in rows])
