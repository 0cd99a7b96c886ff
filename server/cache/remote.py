"""The cache's own server: one task reads and fills it, so that no request's task ever waits for a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis.exceptions import NoPermissionError, ReadOnlyError

from broker.cache.server import NAME, OWN_SERVER, REMEDY, is_same_place, misfit, of_its_variable, prefix, weakness
from broker.common.backoff import Backoff
from broker.common.diagnosis import diagnose
from broker.common.masking import shown
from broker.common.throttled_log import ThrottledLog
from broker.errors import BrokerError, BrokerUnfit
from broker.facts import Facts, facts
from broker.redis.client import Client
from broker.redis.connection import make_client, translated
from server.cache.looks import Found, Look, Looks, found_in
from server.cache.outbox import LARGEST, CacheOutbox, Put

PATIENCE = 0.05  # seconds that whoever looks waits at most
LIMIT = 0.5  # seconds in which nothing comes, then the connection is given up, with all that might come on it
LONGEST_PAUSE = 5.0  # seconds: whoever looks while a slow server is tried anew pays for it
log = structlog.get_logger("server.cache")


class TooSlow(Exception):
    """A trip has taken longer than anybody waits."""


class CacheServer:
    """Reads never fail: what cannot be had in a moment was not found. Writes are dropped where they find no room."""

    def __init__(
        self,
        url: str,
        namespace: str,
        *,
        broker_url: str,
        on_unfit: Callable[[BrokerUnfit], None] = lambda error: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raises `BrokerUnfit` for a URL that is none, or the broker's. `on_unfit` is told of a server that can be no
        cache, when the first connection shows that."""
        self._client = client_for(url, broker_url)
        self._url, self._broker_url = url, broker_url
        self._prefix = prefix(namespace)
        self._on_unfit = on_unfit
        self._clock, self._sleep = clock, sleep
        self._looks, self._outbox = Looks(), CacheOutbox()
        self._work = asyncio.Event()
        self._is_connected = self._was_connected = self._takes = False
        self._began: float | None = None  # when the trip began that is away
        self._away, self._slow, self._refused, self._weak = (ThrottledLog(log.warning) for _ in range(4))
        self.hits = self.misses = self.timeouts = 0  # digests
        self.errors = 0  # connections that failed, entries that the server has refused
        self.dropped = 0  # entries that were never sent

    @property
    def is_up(self) -> bool:
        """It answers, and at once. While it does not, nobody waits."""
        return self._is_connected and (self._began is None or self._clock() - self._began < PATIENCE)

    # Whoever wants something

    async def get_many(self, digests: Sequence[bytes]) -> Found:
        """What lies under each of these; None for what is not there, or cannot be had within `PATIENCE`."""
        if not digests or not self.is_up:
            return [None] * len(digests)
        loop = asyncio.get_running_loop()
        looks = self._looks.add(digests, loop)
        self._work.set()
        timer = loop.call_later(PATIENCE, self._give_up, looks)
        try:
            found = [await look.found for look in looks]
        finally:
            timer.cancel()
        return found[0] if len(found) == 1 else [one for part in found for one in part]

    def put(self, digest: bytes, data: bytes, ttl: float) -> None:
        """Keep it for so many seconds, if it can be."""
        if self._takes and self._outbox.put(digest, data, ttl):
            self._work.set()
        else:
            self.dropped += 1

    def _give_up(self, looks: Sequence[Look]) -> None:
        self.timeouts += sum(look.give_up() for look in looks)

    # The task

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The task runs while the `with` lasts."""
        task = asyncio.create_task(self.run(), name="cache")
        try:
            yield
        finally:
            while not task.done():  # opening a connection may swallow a cancellation
                task.cancel()
                await asyncio.wait([task], timeout=0.2)

    async def run(self) -> None:
        """Connect and serve, again after every error, for ever."""
        backoff = Backoff(longest=LONGEST_PAUSE)
        try:
            while True:
                await self._meet(backoff)
                await self._sleep(backoff.pause())
        finally:
            await self._client.aclose()

    async def _meet(self, backoff: Backoff) -> None:
        """Serve until something goes wrong, and say what."""
        is_slow = False
        try:
            with translated():
                await self._check()
                await self._serve(backoff)
        except TooSlow:
            is_slow = True
            self._slow("cache server slow", address=shown(self._url), limit=PATIENCE)
        except BrokerUnfit as error:
            self._complain(error)
        except BrokerError as error:
            self.errors += 1
            self._away("cache server away", address=shown(self._url), reason=diagnose(error, self._url).cause)
        except Exception:
            log.exception("task crashed", task="cache")
        finally:
            self._disconnect(is_slow=is_slow)

    async def _check(self) -> None:
        """Raises `BrokerUnfit` for a server that can never be ours."""
        try:
            info = await self._client.info()
        except NoPermissionError:
            self._weak("cache server unchecked", reason="INFO is denied", needs=REMEDY)
            return
        seen = facts(info)
        if found := misfit(seen, await self._broker()):
            raise BrokerUnfit(str(found))
        if seen.role == "slave":
            raise ReadOnlyError("it is a read-only replica")
        if said := weakness(seen):
            self._weak("cache server will fail", address=shown(self._url), reason=said, remedy=REMEDY)

    async def _broker(self) -> Facts:
        """Nothing where it cannot be asked: then nothing is held against the cache's server."""
        client = make_client(self._broker_url, name=NAME, socket_timeout=LIMIT)
        try:
            with translated():
                return facts(await client.info("server"))
        except BrokerError:
            return Facts()
        finally:
            await client.aclose()

    def _complain(self, error: BrokerUnfit) -> None:
        if self._was_connected:  # by now it is another server than at the start: that ends no process
            self._away("cache server unfit", address=shown(self._url), reason=str(error))
        else:
            self._on_unfit(error)

    async def _serve(self, backoff: Backoff) -> None:
        """Trip after trip, until one fails."""
        self._is_connected = self._was_connected = self._takes = True
        while True:
            await self._work.wait()
            self._work.clear()
            while self._looks or self._outbox:
                await self._trip()
                backoff.reset()
                if self._away.is_over():
                    log.info("cache server back", address=shown(self._url))

    async def _trip(self) -> None:
        """What has gathered, as much as one trip carries. Raises `TooSlow` for one that came back, but too late for
        anybody. Where it fails, who looks is told by the timer."""
        looks, puts = self._looks.take(), self._outbox.take()
        if not looks and not puts:  # who looked has gone; nothing is answered to nothing
            return
        self._began = began = self._clock()
        try:
            answers = await self._client.trip(*self._commands(looks, puts))
            self._note(self._tell(looks, answers))
        finally:
            self._began = None
        if self._clock() - began > PATIENCE:
            raise TooSlow

    def _commands(self, looks: Sequence[Look], puts: Sequence[Put]) -> list[Sequence[Any]]:
        # Not MGET, which brings whatever lies there: others may have put 512 MB under each name.
        wanted = [digest for look in looks for digest in look.digests]
        reads: list[Sequence[Any]] = [("GETRANGE", self._prefix + digest, 0, LARGEST) for digest in wanted]
        return reads + [("SET", self._prefix + digest, data, "PX", ms) for digest, data, ms in puts]

    def _tell(self, looks: Sequence[Look], answers: Sequence[Any]) -> Sequence[Any]:
        """Those who look. Returns what is left, the answers to what was put."""
        at = 0
        for look in looks:
            found = [found_in(answer) for answer in answers[at : at + len(look.digests)]]
            at += len(look.digests)
            if not look.is_over:
                self.misses += (missing := found.count(None))
                self.hits += len(found) - missing
                look.answer(found)
        return answers[at:]

    def _note(self, answers: Sequence[Any]) -> None:
        """What became of entries. A server that is full still answers who looks; a replica is no server of ours."""
        failed = [answer for answer in answers if isinstance(answer, Exception)]
        for error in failed:
            if isinstance(error, ReadOnlyError):
                raise error
        if failed:
            self.errors += len(failed)
            cause = diagnose(failed[0], self._url).cause
            self._refused("cache server refuses entries", times=len(failed), reason=cause, remedy=REMEDY)

    def _disconnect(self, *, is_slow: bool) -> None:
        """Of one that is slow what is to be kept waits: it takes the place of what was too large to be read in time."""
        self._is_connected = False
        if not is_slow:
            self._takes = False
            self.dropped += self._outbox.clear()


def client_for(url: str, broker_url: str) -> Client:
    """Raises `BrokerUnfit`, of the flag that names it."""
    try:
        client = make_client(url, name=NAME, socket_timeout=LIMIT)
    except BrokerUnfit as error:
        raise BrokerUnfit(f"--cache-url: {of_its_variable(str(error))}") from None
    if is_same_place(url, broker_url):
        raise BrokerUnfit(str(OWN_SERVER))
    return client
