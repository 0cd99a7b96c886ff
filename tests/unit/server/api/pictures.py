"""A front end that serves a model of pictures, in a test: a picture is any bytes that begin with PIC."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from broker.messages import ModelCard
from server.codecs.contract import Input, Piece, Plan
from server.codecs.errors import CodecError
from server.codecs.work import UNBOUNDED, Work
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, WordCodec, announced, card, running

GROWTH = 10  # a prepared picture is larger than its file
PICTURE = b"PIC\x00\xff\xfe{circle"  # neither text nor JSON


class PictureCodec:
    """A picture has as many labels as are asked for, the first of them its length."""

    threads: ClassVar[list[int]] = []  # in which it decoded

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._revision = card.revision

    def check(self, options: Mapping[str, Any]) -> None:
        """Any."""

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        self.threads.append(threading.get_ident())
        if not isinstance(input, bytes) or not input.startswith(b"PIC"):
            raise CodecError("this is no picture")
        work.spend(1, 1, GROWTH * len(input))
        return Plan(pieces=[Piece(input=f"{self._revision}:n{len(input)}", cost=1)], memo=options.get("topK"))

    def decode(self, plan: Plan, outputs: Sequence[Any]) -> dict[str, Any]:
        labels = [{"label": f"{outputs[0]}.{place}", "score": 0.5 / (place + 1)} for place in range(plan.memo)]
        return labels[0] if plan.memo == 1 else labels[0] | {"labels": labels}


def codec_of(card: ModelCard, files: Mapping[str, bytes]) -> Any:
    return (PictureCodec if card.codec == "image" else WordCodec)(card, files)


PHOTO = card("photo", task="image-classification", codec="image")
MODELS = [PHOTO, card("words", task="classification")]


@asynccontextmanager
async def with_pictures(
    models: Sequence[ModelCard] = MODELS, broker: ScriptedBroker | None = None, **settings: Any
) -> AsyncIterator[RunningFrontEnd]:
    PictureCodec.threads.clear()
    broker = broker or ScriptedBroker()
    broker.announcements = [announced(one) for one in models]
    async with running(broker, make_codec=codec_of, **settings) as jitney:
        yield jitney


def envelope(*pictures: bytes, **fields: Any) -> dict[str, Any]:
    """Of these pictures, with ids 0, 1, 2 …"""
    records = [{"id": number, "image": b64encode(picture).decode()} for number, picture in enumerate(pictures)]
    return {"payload": {"records": records, **fields}}
