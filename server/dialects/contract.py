"""What a dialect promises: how requests, replies and errors of one API are spelled. The core does all the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from server.api.incoming import Incoming
from server.codecs.contract import Input
from server.errors import Problem, Refusal
from server.fleet.directory import Served

Row = dict[str, Any]  # the fields of one answer, as the codec gave them


class Call(Struct, frozen=True):
    """A body that has been read: which model is asked for what."""

    served: Served
    inputs: Sequence[Input | Problem]  # a problem: this record cannot be read, and the others can
    options: Mapping[str, Any]  # what the codec reads, by the names that it knows: fromLang, toLang, topK, …
    warnings: Sequence[str] = ()  # what of the body was not understood, and did no harm; with --strict it is refused
    memo: Any = None  # whatever `write` needs besides the answers
    row_ids: Sequence[Any] | None = (
        None  # of rows that stand alone, each for its input; None: a reply needs all answers
    )
    beside: int = 0  # characters of what is read beside each input anew: a query, or labels


class Dialect(Protocol):
    """One address of an API. It keeps nothing: threads call it, for many requests at once."""

    def takes_pictures(self, incoming: Incoming) -> bool:
        """Whether a body here is a picture, or holds some. Asked before it is read: `image/*` is then taken as well as
        JSON, the bound is another, and nothing is decoded on the event loop, however small. Raises what `read` does.
        """
        ...

    def read(self, incoming: Incoming) -> Call:
        """What is asked for. Raises `Problem` (malformed …), also those of choosing a model."""
        ...

    def write(self, call: Call, answers: Sequence[Row | Problem]) -> bytes:
        """The reply as JSON; there is an answer for each input, in their order.

        Not called when all are problems: the first of them refuses the request. Where a reply of this API has no place
        for a single input's problem, raise it.
        """
        ...

    def refuse(self, problem: Problem, request_id: str) -> Refusal:
        """How this API tells that a request ends without a result."""
        ...
