"""Records into job inputs and outputs into answers: one file for each codec, imported when its first card arrives."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from broker.messages import ModelCard
from server.codecs.contract import Codec

# By name and not by class: a front end that serves only custom models never loads a tokenizer library.
CODECS = {
    "m2m100": "server.codecs.translation.m2m100:M2M100Codec",
    "text": "server.codecs.text:TextCodec",
    "passthrough": "server.codecs.passthrough:PassthroughCodec",
}


def make_codec(card: ModelCard, files: Mapping[str, bytes]) -> Codec:
    """The codec that this card names. Raises `ValueError` for an unknown name, or files it cannot use."""
    if card.codec not in CODECS:
        raise ValueError(f"model {card.name} asks for codec {card.codec!r}; this front end has {', '.join(CODECS)}")
    module, _, name = CODECS[card.codec].partition(":")
    codec: Codec = getattr(import_module(module), name)(card, files)
    return codec
