"""Image classification: the bytes of a picture's file in, labels out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.messages import ModelCard, Value
from server.codecs.contract import Input, Piece, Plan
from server.codecs.errors import CodecError
from server.codecs.images.memory import return_large_blocks
from server.codecs.images.reading import read_picture, silence_pillow
from server.codecs.images.steps import Steps
from server.codecs.ranking import numbers, ranked, top_of
from server.codecs.work import UNBOUNDED, Work


class ImageCodec:
    """Option `topK`. A piece's input is the prepared picture: height × width × 3 bytes, row by row, RGB.

    The card's `options["image"]` says how it is prepared, and `options["cost"]` what one costs. How many pixels a
    picture may have is a bound of the request: `work.max_pixels`.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        if not isinstance(card.options.get("image"), Mapping):
            raise ValueError(f"model {card.name} reads pictures, but its card does not say how they are prepared")
        if not card.labels:
            raise ValueError(f"model {card.name} classifies, but its card has no labels")
        self._steps = Steps(card.options["image"])
        self._cost = int(card.options.get("cost", 1))
        self._labels = tuple(card.labels)
        silence_pillow()
        return_large_blocks()

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError` for a `topK` that is not a positive integer."""
        top_of(options)

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """One piece. Raises `CodecError` for a text, and for bytes that are no picture."""
        top = top_of(options)
        if isinstance(input, str):
            raise CodecError("this model reads pictures, not text")
        work.spend(1, self._cost, self._steps.height * self._steps.width * 3)
        picture = read_picture(input, work.max_pixels)
        work.check()
        return Plan(pieces=(Piece(input=self._steps.apply(picture, work.max_pixels), cost=self._cost),), memo=top)

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """`label` and `score`, and `labels` where `topK` asked for more."""
        (output,) = outputs
        return ranked(self._labels, numbers(output), plan.memo)
