"""What codecs check before they start: that an input is a text, and that a card came with its files."""

from __future__ import annotations

from collections.abc import Mapping

from broker.messages import ModelCard
from server.codecs.contract import Input
from server.codecs.errors import CodecError


def text_of(input: Input) -> str:
    """The input, where it is a text. Raises `CodecError` for bytes, and for half a surrogate pair: JSON may spell one,
    but it is no character and could not be sent on or back."""
    if not isinstance(input, str):
        raise CodecError("this model reads text, not bytes")
    try:
        input.encode()
    except UnicodeEncodeError as error:
        where = f"at position {error.start}"
        raise CodecError(f"text holds half of a surrogate pair {where}, which is not a character") from error
    return input


def file_of(card: ModelCard, files: Mapping[str, bytes], name: str) -> bytes:
    """The bytes of one of the card's files. Raises `ValueError` when it is not there."""
    if name not in files:
        raise ValueError(f"model {card.name} came without its file {name}")
    return files[name]
