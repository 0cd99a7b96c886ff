"""The codecs of the cards that are announced; their files come from the broker and are checked by hash."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import Callable, Iterable, Mapping

import structlog

from broker.contract import FrontEndBroker
from broker.errors import BrokerError
from broker.messages import ModelCard
from broker.panics import CONTROL
from server.codecs.contract import Codec

log = structlog.get_logger("server.library")

MakeCodec = Callable[[ModelCard, Mapping[str, bytes]], Codec]
RETRY = 5.0  # seconds until a card whose codec could not be made is tried again
KEEP = 300.0  # seconds a codec outlives its card: a broker that came back empty is told of it again within these


class Library:
    """Codecs by card key, each made once, in a thread: a large vocabulary takes a second."""

    def __init__(self, make_codec: MakeCodec) -> None:
        self._make_codec = make_codec
        self._codecs: dict[str, Codec] = {}
        self._seen: dict[str, float] = {}
        self._barred_until: dict[str, float] = {}

    async def stock(self, broker: FrontEndBroker, cards: Iterable[ModelCard], now: float) -> Mapping[str, Codec]:
        """The codecs that are ready once those of new cards are made. Raises `BrokerError`."""
        for card in cards:
            self._seen[card.key] = now
            if card.key not in self._codecs and now >= self._barred_until.get(card.key, now):
                await self._add(broker, card, now)
        self._forget(now)
        return self._codecs

    async def _add(self, broker: FrontEndBroker, card: ModelCard, now: float) -> None:
        try:
            files = {name: await _fetch(broker, name, sha256) for name, sha256 in card.artifacts.items()}
            self._codecs[card.key] = await asyncio.to_thread(self._make_codec, card, files)
        except (BrokerError, *CONTROL):
            raise
        except BaseException as error:  # a tokenizer library may even panic: one bad card must not hide the others
            self._barred_until[card.key] = now + RETRY
            log.error("codec not made", model=card.key, error=type(error).__name__, reason=str(error), retry_in=RETRY)
        else:
            gc.freeze()  # a vocabulary lives as long as its model: the collector need not walk it again and again
            log.info("codec made", model=card.key, codec=card.codec)

    def _forget(self, now: float) -> None:
        for key in [key for key, seen in self._seen.items() if now - seen > KEEP]:
            del self._seen[key]
            self._codecs.pop(key, None)
            self._barred_until.pop(key, None)


async def _fetch(broker: FrontEndBroker, name: str, sha256: str) -> bytes:
    data = await broker.artifact(sha256)
    if data is None:
        raise ValueError(f"the broker does not have {name}")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{name} is not the file that the card names: its hash differs")
    return data
