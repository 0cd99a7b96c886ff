"""What a dialect promises: how requests, replies and errors of one API are spelled. The core does all the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from server.api.incoming import Incoming
from server.codecs.contract import Input
from server.errors import Problem, Refusal
from server.fleet.directory import Served
from server.http.bodies import JSON_ONLY, Bodies
from server.requests.request import Record

Row = dict[str, Any]  # the fields of one answer, as the codec gave them


class Call(Struct, frozen=True):
    """A body that has been read: which model is asked for what."""

    dialect: Dialect  # which spells the answer
    served: Served
    inputs: Sequence[Input | Problem]  # a problem: this record cannot be read, and the others can
    options: Mapping[str, Any]  # what the codec reads, by the names that it knows: fromLang, toLang, topK, …
    warnings: Sequence[str] = ()  # what of the body was not understood, and did no harm; with --strict it is refused
    memo: Any = None  # whatever `write` needs besides the answers
    row_ids: Sequence[Any] | None = (
        None  # of rows that stand alone, each for its input; None: a reply needs all answers
    )
    beside: int = 0  # characters of what is read beside each input anew: a query, or labels
    tokens: int = 0  # of all inputs, once they are encoded; where the dialect counts them


class RequestReader(Protocol):
    """Reads the requests to an address: a dialect, or several that share it. It keeps nothing: threads call it, for
    many requests at once."""

    times: int = 1  # as many records, and bytes of a body, as settings say: clients that know other bounds send more

    def takes(self, incoming: Incoming) -> Bodies:
        """What a body here may be, asked before it is read. Raises what `read` does."""
        return JSON_ONLY

    def read(self, incoming: Incoming) -> Call:
        """What is asked for. Raises `Problem` (malformed …), also those of choosing a model."""
        ...

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        """How it is told that a request ends without a result."""
        ...


class Dialect(RequestReader, Protocol):
    """One address of an API. Inherit from it what most have in common: a body of JSON, and answers as the codec gives
    them."""

    is_cacheable: bool = True  # its rows are those of the model's codec
    known_by: Collection[str] = ()  # fields of a JSON body, of which any says that it is for this API

    def is_meant(self, incoming: Incoming) -> bool:
        """Whether this body is for it. Only asked where several APIs share the address; the first one says so first."""
        names = incoming.names
        return any(field in names for field in self.known_by)

    def encoded(self, call: Call, records: Sequence[Record]) -> Call:
        """The call, once its inputs are encoded and before any is computed. Raises the `Problem` that refuses it all
        where this API has no place for a single input's."""
        return call

    def decoded(self, call: Call, records: Sequence[Record]) -> Sequence[Row | Problem]:
        """An answer for each record, in their order."""
        return [record.answer() for record in records]

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        """The reply as JSON; there is an answer for each input, in their order.

        Not called when all are problems: the first of them refuses the request. Where a reply of this API has no place
        for a single input's problem, raise it.
        """
        ...
