"""What every codec asks of a text, and of a card, before it starts."""

from __future__ import annotations

from collections.abc import Mapping

from broker.messages import ModelCard
from server.codecs.contract import CodecError


def refuse_lone_surrogates(text: str) -> None:
    """JSON may spell half a surrogate pair, which is no character and could not be sent on or back."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        where = f"at position {error.start}"
        raise CodecError(f"text holds half of a surrogate pair {where}, which is not a character") from error


def file_of(card: ModelCard, files: Mapping[str, bytes], name: str) -> bytes:
    """The bytes of one of the card's files. Raises `ValueError` when it is not there."""
    if name not in files:
        raise ValueError(f"model {card.name} came without its file {name}")
    return files[name]
