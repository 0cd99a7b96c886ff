"""What a codec promises: a request's record into job inputs, and a job's output into the record's answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from broker.messages import Value
from server.codecs.work import Work

Input = str | bytes  # of a record: a text, or the bytes of what is none


class Piece(Struct, frozen=True, kw_only=True):
    """One job to be: the model's input and its cost in tokens."""

    input: Value
    cost: int


class Plan(Struct, frozen=True, kw_only=True):
    """How one record is computed: its pieces, and whatever `decode` needs to put their outputs together again.

    No pieces: the record answers itself, and `decode(plan, [])` says how (an empty text, same language).
    """

    pieces: Sequence[Piece] = ()
    memo: Any = None
    unknown: int = 0  # characters of the text that the vocabulary has no token for


class Token(Struct, frozen=True, kw_only=True, rename={"is_special": "special"}):
    """A token; where it stands in its text, in characters, unless it is special."""

    id: int
    text: str
    is_special: bool
    start: int | None = None
    stop: int | None = None


class Codec(Protocol):
    """Pure and thread-safe; made once per card from the card and its files.

    The constructor is `Codec(card: ModelCard, files: Mapping[str, bytes])`; it raises `ValueError` for files it cannot
    use.
    """

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError` for options that no record of the request could be computed with."""
        ...

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = ...) -> Plan:
        """The plan for one record's input; `options` are the payload's fields (fromLang, toLang, topK …).

        Every piece is spent of `work` before it is made, and between slices of a long input `work` is asked whether
        anybody still waits: nothing is done in proportion to an input before its bound was checked. Raises what `work`
        raises, and `CodecError` for a record that can never be computed, whatever the others are: a text where this
        codec reads bytes, or bytes where it reads texts, is one.
        """
        ...

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """The record's fields besides its id, from the outputs of its pieces in order.

        Raises `ValueError` for outputs that are not of this card's task.
        """
        ...


@runtime_checkable
class Tokenizes(Protocol):
    """What a codec promises besides that can tell the tokens of a text, and the text of tokens."""

    def tokens(self, input: Input, options: Mapping[str, Any], *, with_special: bool) -> Iterator[Token]:
        """Those of the whole text behind its prompt (`promptName`), with the special tokens or without. Raises
        `CodecError`, also (too_large) for a text that would take much memory."""
        ...

    def text_of_ids(self, ids: Sequence[int], *, with_special: bool) -> str:
        """The text that tokens of these ids make, with what special ones are written as or without. Raises
        `CodecError` for an id that no token has, and (too_large) for too many."""
        ...
