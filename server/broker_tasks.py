"""Owns the connections to the broker: five long-lived tasks, one more where predictions are to be durable and one where
there is a history, each with its own, each started again when it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import structlog

from broker.common.backoff import Backoff
from broker.contract import FrontEndBroker
from broker.errors import BrokerError, BrokerUnfit
from server.callers.known_keys import BrokerKeys
from server.codecs.pool import CodecPool
from server.fleet.codec_cache import CodecCache, MakeCodec
from server.fleet.discovery import Discovery
from server.history.appender import Appender
from server.predictions.durability import Durability
from server.predictions.keeper import Keeper
from server.requests.admission import Outbox
from server.requests.breaker import CircuitBreaker
from server.requests.pending import PendingRequests
from server.requests.reader import Reader
from server.requests.reencoding import Reencoder
from server.requests.writer import Writer

log = structlog.get_logger("server.broker_tasks")

Connect = Callable[[], AbstractAsyncContextManager[FrontEndBroker]]  # a new connection, closed at the end of its `with`
Sleep = Callable[[float], Awaitable[None]]


class Aside(Protocol):
    """A loop over one connection, without which all but predictions or the history goes on."""

    ticked: float  # seconds, our clock: when it last got anywhere, well or not
    rests: bool  # it has no connection, and wants none before the breaker closes

    async def run(self, broker: FrontEndBroker) -> None: ...


class Task(Protocol):
    """A loop over one connection; it returns only by an exception."""

    ticked: float  # seconds, our clock: when it last got anywhere, well or not

    async def run(self, broker: FrontEndBroker) -> None: ...


class BrokerTasks:
    """Who waits for which job, and the tasks that bring the jobs and their outcomes."""

    def __init__(
        self,
        connect: Connect,
        front_end: str,
        make_codec: MakeCodec,
        *,
        on_unfit: Callable[[BrokerUnfit], None] = lambda error: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        address: str = "",
        defaults: Mapping[str, str] | None = None,
        durable: bool = False,
        keys: BrokerKeys | None = None,
        history: Appender | None = None,
    ) -> None:
        outbox = Outbox()
        self.pool = CodecPool()
        self.breaker = CircuitBreaker(outbox, clock)
        self.pending = PendingRequests(front_end, outbox, self.breaker)
        self.codec_cache = CodecCache(make_codec, clock)
        reencoder = Reencoder(self.pending, self.pool.encode)
        self.discovery = Discovery(
            self.pending, self.breaker, reencoder, self.codec_cache, clock, sleep, address, defaults, keys
        )
        self.reader = Reader(self.pending, clock, sleep, address)
        self.writer = Writer(outbox, self.breaker, clock, sleep, self.discovery.passes_on)
        self.predictions = Keeper(front_end, self.breaker, clock)
        self.durability = Durability() if durable else None
        self.history = history
        self._connect = connect
        self._on_unfit = on_unfit
        self._clock = clock
        self._sleep = sleep

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The tasks run while the `with` lasts."""
        tasks: Mapping[str, Task] = {"writer": self.writer, "reader": self.reader, "discovery": self.discovery}
        running = [asyncio.create_task(self.keep(name, task), name=name) for name, task in tasks.items()]
        running.append(asyncio.create_task(self.keep_codec_cache(), name="codec_cache"))
        running.append(asyncio.create_task(self.keep_aside("predictions", self.predictions), name="predictions"))
        if self.durability is not None:
            running.append(asyncio.create_task(self.keep_aside("durability", self.durability), name="durability"))
        if self.history is not None:
            running.append(asyncio.create_task(self.keep_aside("history", self.history), name="history"))
        try:
            yield
        finally:
            await _end(running)
            self.pool.close()

    async def keep(self, name: str, task: Task) -> None:
        """Connect and run this task, again after every error, for ever."""
        absences, crashes = Backoff(), Backoff()
        while True:
            try:
                async with self._connect() as broker:
                    absences.reset()
                    await task.run(broker)
            except BrokerError as error:
                task.ticked = self._clock()
                self._not_connected(name, error, is_news=not absences.errors)
                await self._sleep(absences.pause())
            except Exception:
                log.exception("task crashed", task=name)
                await self._sleep(crashes.pause())

    async def keep_codec_cache(self) -> None:
        """Connect when the codec cache wants something. It has that connection for itself, and a new one
        each time: after a failover an idle one would lead to the old server."""
        backoff = Backoff()
        while True:
            await self.codec_cache.wanted()
            try:
                async with self._connect() as broker:
                    await self.codec_cache.run(broker)
            except BrokerError:  # the other tasks log it
                await self._sleep(backoff.pause())
            except Exception:
                log.exception("task crashed", task="codec_cache")
                await self._sleep(backoff.pause())
            else:
                backoff.reset()

    async def keep_aside(self, name: str, task: Aside) -> None:
        """Connect while the breaker is closed. Its errors cost nobody else anything. After an outage
        the connection is a new one, for an idle one may lead to a server that is the primary no more. What fails on
        every connection, as where a right is missing, is tried less and less often."""
        backoff = Backoff()
        while True:
            task.rests = True
            await self.breaker.until_closed()
            task.rests, task.ticked = False, self._clock()
            try:
                async with self._connect() as broker:
                    await self._until_open(task.run(broker))
                backoff.reset()
            except BrokerError:  # the other tasks log it
                await self._sleep(backoff.pause())
            except Exception:
                log.exception("task crashed", task=name)
                await self._sleep(backoff.pause())

    async def _until_open(self, run: Coroutine[Any, Any, None]) -> None:
        """Run it until the breaker opens. Raises what it raises."""
        running, opened = asyncio.create_task(run), asyncio.create_task(self.breaker.until_open())
        try:
            await asyncio.wait({running, opened}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            await _end([running, opened])

    def _not_connected(self, name: str, error: BrokerError, *, is_news: bool) -> None:
        if isinstance(error, BrokerUnfit) and not self.discovery.has_met_broker:
            self._on_unfit(error)
            is_news = False  # the process ends and says why
        why = self.discovery.note_absence(error)
        if is_news:
            log.warning("broker not reached", task=name, reason=str(why))
        self.breaker.open()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them until they have ended: opening a connection may swallow a cancellation, and each tries for ever."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.2)
