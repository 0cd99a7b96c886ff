"""The codecs of the cards that are announced; their files come from the broker in chunks, and are checked by hash."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import structlog

from broker.common.panics import CONTROL
from broker.common.throttled_log import ThrottledLog
from broker.contract import MAX_ARTIFACT, FrontEndBroker
from broker.errors import BrokerError
from broker.messages import ModelCard
from server.codecs.contract import Codec

log = structlog.get_logger("server.fleet.codec_cache")

MakeCodec = Callable[[ModelCard, Mapping[str, bytes]], Codec]
RETRY = 5.0  # seconds until a card whose codec could not be made is tried again
AGAIN = 0.5  # seconds until files that did not come are asked for again, from where they broke off
KEEP = 300.0  # seconds that a codec outlives its card: a broker that came back empty has the card again sooner


class CodecCache:
    """Codecs by card key, each made once, in a thread: a large vocabulary takes a second.

    Its task has a connection of its own, while there is something to fetch: a file that takes minutes on a slow link
    delays nothing but its model. The files of several cards come in turns, a chunk each.
    """

    def __init__(self, make_codec: MakeCodec, clock: Callable[[], float] = time.monotonic) -> None:
        self._make_codec = make_codec
        self._clock = clock
        self.codecs: dict[str, Codec] = {}  # the ready ones
        self._wanted: dict[str, ModelCard] = {}  # not ready, and not being made
        self._being_made: set[str] = set()
        self._seen: dict[str, tuple[float, ModelCard]] = {}
        self._retry_at: dict[str, float] = {}
        self._files: dict[str, bytearray] = {}  # by hash, as far as they have come
        self._turn = asyncio.Lock()  # one chunk at a time, of whichever file
        self._changed, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._not_given = ThrottledLog(log.warning)

    def want(self, cards: Iterable[ModelCard]) -> None:
        """These live: have their codecs made. Those of cards that live no more are forgotten after a while."""
        now = self._clock()
        for card in cards:
            self._seen[card.key] = now, card
            is_known = card.key in self.codecs or card.key in self._being_made
            if not is_known and now >= self._retry_at.get(card.key, now):
                self._wanted[card.key] = card
                self._idle.clear()
                self._changed.set()
        self._forget(now)

    async def wait_until_ready(self, limit: float) -> None:
        """Wait until all that is wanted is ready or has failed, at most so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._idle.wait()

    async def wanted(self) -> None:
        """Return once there is something to make."""
        while not self._wanted:
            self._changed.clear()
            await self._changed.wait()

    async def run(self, broker: FrontEndBroker) -> None:
        """Make what is wanted, and what comes to be meanwhile. Whatever goes wrong costs the card it happens to."""
        async with asyncio.TaskGroup() as making:
            while self._wanted or self._being_made:
                wanted, self._wanted = self._wanted, {}
                self._being_made |= wanted.keys()
                for card in wanted.values():
                    making.create_task(self._add(broker, card))
                self._changed.clear()
                await self._changed.wait()

    async def _add(self, broker: FrontEndBroker, card: ModelCard) -> None:
        try:
            files = {name: await self._fetch(broker, name, sha256) for name, sha256 in card.artifacts.items()}
            self.codecs[card.key] = await asyncio.to_thread(self._make_codec, card, files)
        except CONTROL:
            raise
        except BrokerError as error:
            self._retry_at[card.key] = self._clock() + AGAIN
            self._not_given("files not received", model=card.key, reason=str(error), retry_in=AGAIN)
        except BaseException as error:  # a tokenizer library may even panic; one bad card must not stop the others
            self._retry_at[card.key] = self._clock() + RETRY
            log.error("codec not made", model=card.key, error=type(error).__name__, reason=str(error), retry_in=RETRY)
        else:
            gc.freeze()  # a vocabulary lives as long as its model: the collector need not walk it again and again
            log.info("codec made", model=card.key, codec=card.codec)
        finally:
            self._being_made.discard(card.key)
            self._changed.set()
            if not self._being_made and not self._wanted:
                self._idle.set()

    async def _fetch(self, broker: FrontEndBroker, name: str, sha256: str) -> bytes:
        """The whole file; what came of it is kept when the broker breaks off. Raises `ValueError`, `BrokerError`."""
        data = self._files.setdefault(sha256, bytearray())
        try:
            while await self._fetch_chunk(broker, name, sha256, data):
                pass
            if hashlib.sha256(data).hexdigest() != sha256:
                raise ValueError(f"{name} is not the file that the card names: its hash differs")
        except BrokerError:
            raise
        except BaseException:
            self._files.pop(sha256, None)
            raise
        self._files.pop(sha256, None)
        return bytes(data)

    async def _fetch_chunk(self, broker: FrontEndBroker, name: str, sha256: str, data: bytearray) -> bool:
        async with self._turn:
            chunk = await broker.artifact(sha256, len(data))
            if chunk is None:
                raise ValueError(f"the broker does not have {name}")
            data += chunk
        if len(data) > MAX_ARTIFACT:
            raise ValueError(f"{name} is larger than {MAX_ARTIFACT >> 20} MiB")
        return bool(chunk)

    def _forget(self, now: float) -> None:
        gone = [key for key, (seen, _) in self._seen.items() if now - seen > KEEP]
        for key in gone:
            del self._seen[key]
            self.codecs.pop(key, None)
            self._wanted.pop(key, None)
            self._retry_at.pop(key, None)
        if gone:
            named = {sha256 for _, card in self._seen.values() for sha256 in card.artifacts.values()}
            for sha256 in self._files.keys() - named:
                del self._files[sha256]
