"""A front end with a model for each task, all of them pure: what their codecs answer is read off the texts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from broker.messages import ModelCard
from server.codecs.contract import Input, Piece, Plan
from server.codecs.errors import CodecError
from server.codecs.ranking import ranked
from server.codecs.work import UNBOUNDED, Work
from tests.unit.server.clustering.angles import AngleCodec
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, WordCodec, announced, card, running

LABELS = ("good", "bad", "so so")


class Labelling(WordCodec):
    """A text of n words has the first label by 1/n; a zero-shot model takes the labels of the request."""

    def decode(self, plan: Plan, outputs: Sequence[Any]) -> dict[str, Any]:
        labels = plan.memo.get("labels", self.card.labels)
        scores = [1 / max(1, len(outputs)), *(0.01 * place for place in range(1, len(labels)))]
        return ranked(labels, scores, plan.memo.get("topK", 1))


class Angles(AngleCodec):
    """As a model of the real world: it reads no text that it cannot answer."""

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        return super().encode(_number(input), options, work)


class Scoring(WordCodec):
    """A text is its score; `nothing` has none."""

    def check(self, options: Mapping[str, Any]) -> None:
        if not options.get("query"):
            raise CodecError("query is empty")

    def encode(self, input: Any, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        return Plan(pieces=[Piece(input=f"r1:{_number(input)}", cost=3)])

    def decode(self, plan: Plan, outputs: Sequence[Any]) -> dict[str, Any]:
        return {} if outputs[0] == "NOTHING" else {"score": float(outputs[0])}


def _number(text: Input) -> str:
    assert isinstance(text, str)
    if text.startswith("fail:") or text in ("nothing", "flat"):
        return text
    try:
        return str(float(text)) if text != "impossible" else text
    except ValueError as error:
        raise CodecError("text is no number") from error


CODECS = {
    "embedding": Angles,
    "classification": Labelling,
    "zero-shot": Labelling,
    "rerank": Scoring,
    "translation": WordCodec,
    "echoing": WordCodec,
}
CARDS = (
    card("compass", task="embedding", max_cost=512),
    card("judge", task="classification", labels=LABELS),
    card("open", task="zero-shot"),
    card("ranker", task="rerank"),
    card("small", task="translation", languages=["en", "ja"]),
    card("echo"),
)


def codec_of(card: ModelCard, files: Mapping[str, bytes]) -> Any:
    return CODECS[card.task](card, files)


@asynccontextmanager
async def several(*tasks: str, broker: ScriptedBroker | None = None, **how: Any) -> AsyncIterator[RunningFrontEnd]:
    """With the models of these tasks, else with all."""
    broker = broker or ScriptedBroker()
    broker.announcements = [announced(one) for one in CARDS if not tasks or one.task in tasks]
    async with running(broker, make_codec=codec_of, **how) as jitney:
        yield jitney
