"""An M2M100 codec with a small vocabulary, and what a model that repeats its input makes of it."""

from __future__ import annotations

from typing import Any

from server.codecs.contract import Plan
from server.codecs.translation.m2m100 import M2M100Codec
from tests.unit.server.codecs.samples import tokenizer_files, translation_card

EN_JA = {"fromLang": "en", "toLang": "ja"}
JA_EN = {"fromLang": "ja", "toLang": "en"}


def codec(**changes: Any) -> M2M100Codec:
    return M2M100Codec(translation_card(**changes), tokenizer_files())


def sources(plan: Plan) -> list[list[int]]:
    """The ids of each piece without their frame."""
    return [piece.input["source"].tolist()[1:-1] for piece in plan.pieces]


def echo(codec: M2M100Codec, text: str, options: dict[str, str]) -> str:
    """The text as a model that repeats its input would answer it."""
    plan = codec.encode(text, options)
    answer: str = codec.decode(plan, [piece.input["source"] for piece in plan.pieces])["text"]
    return answer
