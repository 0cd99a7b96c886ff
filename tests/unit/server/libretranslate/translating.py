"""A front end with a model that translates: into capitals, from whichever language a text's letters say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from server.codecs.contract import Plan
from server.codecs.errors import CodecError
from server.codecs.translation.languages import by_tag, resolve
from server.codecs.work import UNBOUNDED, Work
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, WordCodec, announced, card, running

LANGUAGES = ("de", "en", "fr", "he", "ja", "no", "pt", "tl", "zh")
M2M = card("m2m", task="translation", languages=LANGUAGES)


class Translating(WordCodec):
    """German has umlauts, everything else with letters is English."""

    def check(self, options: Mapping[str, Any]) -> None:
        for field in ("fromLang", "toLang"):
            if options[field] != "auto":
                resolve(options[field], by_tag(self.card.languages), field)

    def encode(self, text: str, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        plan = super().encode(text, {}, work)
        source = options["fromLang"]
        if source == "auto" and any(letter.isalpha() for letter in text):
            return Plan(pieces=plan.pieces, memo={"detectedLang": "de" if "ü" in text else "en", "detectedScore": 0.9})
        return Plan(pieces=plan.pieces, memo={})

    def decode(self, plan: Plan, outputs: Sequence[Any]) -> dict[str, Any]:
        if "impossible" in outputs:
            raise CodecError("this text is impossible")
        return {"text": " ".join(outputs), **plan.memo}


@asynccontextmanager
async def translating(
    broker: ScriptedBroker | None = None, cards: Sequence[Any] = (M2M,), **settings: Any
) -> AsyncIterator[RunningFrontEnd]:
    """A front end that is up, with these models."""
    broker = broker or ScriptedBroker()
    broker.announcements = [announced(one) for one in cards]
    async with running(broker, make_codec=Translating, **settings) as jitney:
        yield jitney
