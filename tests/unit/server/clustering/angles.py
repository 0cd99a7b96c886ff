"""A front end whose embedding model reads a text as an angle: of two texts the cosine is that of what lies between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from math import cos, radians, sin
from typing import Any

from broker.messages import ModelCard
from server.codecs.contract import Input, Piece, Plan
from server.codecs.errors import CodecError
from server.codecs.work import UNBOUNDED, Work
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, announced, card, running


class AngleCodec:
    """A text is a number of degrees; `nothing`, `short` and `flat` are vectors of no use."""

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._revision = card.revision

    def check(self, options: Mapping[str, Any]) -> None:
        """Any."""

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        if input == "impossible":
            raise CodecError("this text is impossible")
        work.spend(1, 1)
        return Plan(pieces=[Piece(input=f"{self._revision}:{input}", cost=1)])

    def decode(self, plan: Plan, outputs: Sequence[Any]) -> dict[str, Any]:
        odd = {"NOTHING": {}, "SHORT": {"embedding": [1.0]}, "FLAT": {"embedding": 1.0}}
        if outputs[0] in odd:
            return odd[outputs[0]]
        angle = radians(float(outputs[0]))
        return {"embedding": [cos(angle), sin(angle)]}


@asynccontextmanager
async def angles(
    broker: ScriptedBroker | None = None, options: Mapping[str, Any] | None = None, **how: Any
) -> AsyncIterator[RunningFrontEnd]:
    """Serves `compass`, whose default threshold is 0.5: texts 60 degrees apart are alike, those 61 apart are not."""
    broker = broker or ScriptedBroker()
    broker.announcements = [announced(card("compass", task="embedding", options=options or {}))]
    async with running(broker, make_codec=AngleCodec, **how) as jitney:
        yield jitney


def records(*texts: object) -> list[dict[str, Any]]:
    """With ids that say what they are."""
    return [{"id": f"at {text}", "text": str(text)} for text in texts]


def payload(*texts: object, **fields: Any) -> dict[str, Any]:
    return {"payload": {"records": records(*texts), **fields}}
