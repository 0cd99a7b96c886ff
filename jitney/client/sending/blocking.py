"""Calls that the caller's thread waits for."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar

from jitney.client import predictions
from jitney.client.answers import Progress
from jitney.client.calls import Call, Make, failing
from jitney.client.errors import JitneyError, NotFound, TimedOut
from jitney.client.policy.time_told import TimeTold
from jitney.client.policy.tries import Tries, was_perhaps_done
from jitney.client.policy.window import Bounds, Pack, Window
from jitney.client.received import Received
from jitney.client.sending.ahead import ReadAhead, read_ahead
from jitney.client.sending.http import TimeLeft, require_httpx2, translated
from jitney.client.sending.options import Options
from jitney.client.sending.threads import in_thread

T = TypeVar("T")


class Sender:
    """Sends calls until they are answered, refused for good, or their time is over. Threads may share it."""

    BY = "Client"

    def __init__(
        self,
        http: Any,
        options: Options,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.http = http
        self.options = options
        self.clock = clock
        self.sleep = sleep
        self._time_told = TimeTold()

    def run(self, call: Call[T], timeout: float | None = None, repetitions: float | None = None) -> T:
        """All tries together take so many seconds, else as many as the client's calls do."""
        ends_at = self.clock() + (self.options.timeout if timeout is None else timeout)
        most = self.options.max_retries if repetitions is None else repetitions
        tries = Tries(ends_at, most, self.clock)
        while True:
            try:
                return call.read(self._received(call, ends_at))
            except JitneyError as error:
                if call.tells_time and self._time_told.learns(error):
                    continue
                pause = tries.pause_after(error, may_repeat=call.may_repeat)
            self.sleep(pause)

    def _received(self, call: Call[Any], ends_at: float) -> Received:
        left, options, httpx2 = ends_at - self.clock(), self.options, require_httpx2()
        if left <= 0:
            raise TimedOut(f"{options.shown}: no answer in time")
        headers = options.headers(call, self._time_told.of(left))
        how = {"headers": headers, "extensions": {"timeout": TimeLeft(ends_at, self.clock)}}
        try:
            with self.http.stream(call.method, options.url + call.address, content=call.body(), **how) as reply:
                return Received(status=reply.status_code, headers=reply.headers, body=self._body(reply, ends_at))
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise translated(error, options.shown) from None

    def _body(self, reply: Any, ends_at: float) -> bytes:
        """A reply that comes in drops has the same deadline."""
        chunks: list[bytes] = []
        for chunk in reply.iter_bytes():
            if chunks and self.clock() > ends_at:
                raise TimedOut(f"{self.options.shown}: the answer did not come whole in time")
            chunks.append(chunk)
        return b"".join(chunks)

    def many(self, make: Make[T], texts: Iterable[str] | ReadAhead, bounds: Bounds) -> Iterator[T]:
        """Answers in the order of their texts."""
        happened = threading.Event()  # a text arrived, or a request has ended
        under_way: dict[Future[list[T]], Pack[T]] = {}
        with read_ahead(texts, happened.set) as source:
            window: Window[T] = Window(source, bounds, self.options.timeout, failing(make))
            while not window.has_ended():
                if pack := window.begin(self.clock()):
                    future = in_thread(partial(self._answers, make, pack))
                    under_way[future] = pack
                    future.add_done_callback(lambda _: happened.set())
                else:
                    self._wait(window, happened, bool(under_way))
                self._settle(window, under_way)
                yield from window.taken()

    def _answers(self, make: Make[T], pack: Pack[T]) -> list[T]:
        call = make(pack.texts)
        return call.read(self._received(call, pack.ends_at))

    def _wait(self, window: Window[Any], happened: threading.Event, is_asked: bool) -> None:
        """Until a request has ended, a text arrived, or another request may go."""
        pause = window.pause(self.clock())
        if pause and not is_asked:
            self.sleep(pause)
        elif is_asked or window.is_dry:
            happened.wait(pause or None)
            happened.clear()

    def _settle(self, window: Window[T], under_way: dict[Future[list[T]], Pack[T]]) -> None:
        for future in [future for future in under_way if future.done()]:
            pack = under_way.pop(future)
            try:
                window.answered(pack, future.result())
            except JitneyError as error:
                window.refused(pack, error, self.clock())


class Prediction(Generic[T]):
    """A call that the server answers later; `id` finds it from anywhere, for as long as the server keeps it."""

    def __init__(self, sender: Sender, id: str, call: Call[T]) -> None:
        self.id = id
        self._sender = sender
        self._call = call

    def status(self) -> Progress:
        """How far it is."""
        return self._sender.run(predictions.status(self.id))

    def wait(self, timeout: float | None = None) -> Progress:
        """When it has ended. Raises `TimedOut` after so many seconds; the prediction goes on."""
        ends_at = self._sender.clock() + (self._sender.options.timeout if timeout is None else timeout)
        while True:
            left = ends_at - self._sender.clock()
            asked_at, question = self._sender.clock(), predictions.status_after(self.id, left)
            found = self._sender.run(question, predictions.patience(left), math.inf)
            if found.has_ended:
                return found
            self._sender.sleep(predictions.pause(left, self._sender.clock() - asked_at))
            if ends_at - self._sender.clock() < predictions.NO_TIME:
                raise TimedOut(f"prediction {self.id} has not ended yet: it is {found.status}")

    def result(self, timeout: float | None = None) -> T:
        """What the call comes to, or the error that the call would have raised."""
        self.wait(timeout)
        return self._sender.run(predictions.result(self.id, self._call))

    def cancel(self) -> None:
        """End it, or forget it where it has ended."""
        try:
            self._sender.run(predictions.cancel(self.id))
        except JitneyError as error:
            if not was_perhaps_done(error) or not self._is_over():
                raise

    def _is_over(self) -> bool:
        try:
            return self.status().has_ended
        except NotFound:
            return True
