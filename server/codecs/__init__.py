"""Records into job inputs and outputs into answers: one file for each codec, imported when its first card arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec

from broker.messages import ModelCard
from server.codecs.contract import Codec
from server.codecs.not_installed import NotInstalled

# By name and not by class: a front end that serves only custom models never loads a tokenizer library.
CODECS = {
    "m2m100": "server.codecs.translation.m2m100:M2M100Codec",
    "nllb": "server.codecs.translation.nllb:NllbCodec",
    "text": "server.codecs.text:TextCodec",
    "rerank": "server.codecs.pairs.rerank:RerankCodec",
    "zero-shot": "server.codecs.pairs.zero_shot:ZeroShotCodec",
    "passthrough": "server.codecs.passthrough:PassthroughCodec",
    "image": "server.codecs.images.codec:ImageCodec",
}
# What a codec needs beyond the extra `server`: the package it imports, and the extra that has it.
NEEDS = {"image": ("PIL", "images")}

# What stands around a codec.
AROUND = dict.fromkeys(("m2m100", "nllb"), "server.codecs.translation.auto:AutoCodec")


def make_codec(card: ModelCard, files: Mapping[str, bytes]) -> Codec:
    """The codec that this card names, or one that says what to install for it. Raises `ValueError` for an unknown name,
    or files it cannot use."""
    if card.codec not in CODECS:
        raise ValueError(f"model {card.name} asks for codec {card.codec!r}; this front end has {', '.join(CODECS)}")
    package, extra = NEEDS.get(card.codec, ("", ""))
    if package and find_spec(package) is None:
        return NotInstalled(card, extra)
    codec: Codec = _named(CODECS[card.codec])(card, files)
    return _named(AROUND[card.codec])(card, codec) if card.codec in AROUND else codec


def _named(where: str) -> Callable[..., Codec]:
    module, _, name = where.partition(":")
    made: Callable[..., Codec] = getattr(import_module(module), name)
    return made
