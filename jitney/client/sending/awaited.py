"""Calls that a task of asyncio waits for."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Generic, TypeVar

from jitney.client import predictions
from jitney.client.answers import Progress
from jitney.client.calls import Call, Make, failing
from jitney.client.errors import JitneyError, NotFound, TimedOut
from jitney.client.policy.time_told import TimeTold
from jitney.client.policy.tries import Tries, was_perhaps_done
from jitney.client.policy.window import Bounds, Pack, Window
from jitney.client.received import Received
from jitney.client.sending.ahead_async import Texts, read_all_ahead
from jitney.client.sending.http import TimeLeft, require_httpx2, translated
from jitney.client.sending.options import Options

T = TypeVar("T")


class AsyncSender:
    """Sends calls until they are answered, refused for good, or their time is over."""

    BY = "AsyncClient"

    def __init__(
        self,
        http: Any,
        options: Options,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.http = http
        self.options = options
        self.clock = clock
        self.sleep = sleep
        self._time_told = TimeTold()

    async def run(self, call: Call[T], timeout: float | None = None, repetitions: float | None = None) -> T:
        """All tries together take so many seconds, else as many as the client's calls do."""
        ends_at = self.clock() + (self.options.timeout if timeout is None else timeout)
        most = self.options.max_retries if repetitions is None else repetitions
        tries = Tries(ends_at, most, self.clock)
        while True:
            try:
                return call.read(await self._received(call, ends_at))
            except JitneyError as error:
                if call.tells_time and self._time_told.learns(error):
                    continue
                pause = tries.pause_after(error, may_repeat=call.may_repeat)
            await self.sleep(pause)

    async def _received(self, call: Call[Any], ends_at: float) -> Received:
        left, options, httpx2 = ends_at - self.clock(), self.options, require_httpx2()
        headers = options.headers(call, self._time_told.of(left))
        how = {"headers": headers, "extensions": {"timeout": TimeLeft(ends_at, self.clock)}}
        try:
            async with asyncio.timeout(left):
                address = options.url + call.address
                reply = await self.http.request(call.method, address, content=call.body(), **how)
        except TimeoutError as error:
            raise TimedOut(f"{options.shown}: no answer in time") from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise translated(error, options.shown) from None
        return Received(status=reply.status_code, headers=reply.headers, body=reply.content)

    async def many(self, make: Make[T], texts: Texts, bounds: Bounds) -> AsyncGenerator[T]:
        """Answers in the order of their texts."""
        happened = asyncio.Event()  # a text arrived, or a request has ended
        under_way: dict[asyncio.Task[list[T]], Pack[T]] = {}
        async with read_all_ahead(texts, happened.set) as source:
            window: Window[T] = Window(source, bounds, self.options.timeout, failing(make))
            try:
                while not window.has_ended():
                    if pack := window.begin(self.clock()):
                        task = asyncio.create_task(self._answers(make, pack))
                        under_way[task] = pack
                        task.add_done_callback(lambda _: happened.set())
                    else:
                        await self._wait(window, happened, bool(under_way))
                    self._settle(window, under_way)
                    for answer in window.taken():
                        yield answer
            finally:
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    async def _answers(self, make: Make[T], pack: Pack[T]) -> list[T]:
        call = make(pack.texts)
        return call.read(await self._received(call, pack.ends_at))

    async def _wait(self, window: Window[Any], happened: asyncio.Event, is_asked: bool) -> None:
        """Until a request has ended, a text arrived, or another request may go."""
        pause = window.pause(self.clock())
        if pause and not is_asked:
            await self.sleep(pause)
        elif is_asked or window.is_dry:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause or None):
                    await happened.wait()
            happened.clear()

    def _settle(self, window: Window[T], under_way: dict[asyncio.Task[list[T]], Pack[T]]) -> None:
        for task in [task for task in under_way if task.done()]:
            pack = under_way.pop(task)
            try:
                window.answered(pack, task.result())
            except JitneyError as error:
                window.refused(pack, error, self.clock())


class AsyncPrediction(Generic[T]):
    """A call that the server answers later; `id` finds it from anywhere, for as long as the server keeps it."""

    def __init__(self, sender: AsyncSender, id: str, call: Call[T]) -> None:
        self.id = id
        self._sender = sender
        self._call = call

    async def status(self) -> Progress:
        """How far it is."""
        return await self._sender.run(predictions.status(self.id))

    async def wait(self, timeout: float | None = None) -> Progress:
        """When it has ended. Raises `TimedOut` after so many seconds; the prediction goes on."""
        ends_at = self._sender.clock() + (self._sender.options.timeout if timeout is None else timeout)
        while True:
            left = ends_at - self._sender.clock()
            asked_at, question = self._sender.clock(), predictions.status_after(self.id, left)
            found = await self._sender.run(question, predictions.patience(left), math.inf)
            if found.has_ended:
                return found
            await self._sender.sleep(predictions.pause(left, self._sender.clock() - asked_at))
            if ends_at - self._sender.clock() < predictions.NO_TIME:
                raise TimedOut(f"prediction {self.id} has not ended yet: it is {found.status}")

    async def result(self, timeout: float | None = None) -> T:
        """What the call comes to, or the error that the call would have raised."""
        await self.wait(timeout)
        return await self._sender.run(predictions.result(self.id, self._call))

    async def cancel(self) -> None:
        """End it, or forget it where it has ended."""
        try:
            await self._sender.run(predictions.cancel(self.id))
        except JitneyError as error:
            if not was_perhaps_done(error) or not await self._is_over():
                raise

    async def _is_over(self) -> bool:
        try:
            return (await self.status()).has_ended
        except NotFound:
            return True
