"""The long-lived task that brings all that is about predictions to the broker, on a connection of its own.

It asks what endpoints and runners want asked, beats the leases of those that run here, adopts those whose front end is
silent, and looks for all that wait here at once. While there is no prediction anywhere it asks once in five seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import FrontEndBroker
from broker.errors import BrokerError, BrokerFull, BrokerUnavailable
from broker.predictions.contract import Beat, Order, Prediction, PredictionBroker
from server.errors import INTERNAL_DETAIL, Problem
from server.predictions.stored import named
from server.predictions.unwanted import Unwanted
from server.predictions.waiting import Waiting
from server.requests.breaker import CircuitBreaker

log = structlog.get_logger("server.predictions")

MOST_RUNNING = 32  # predictions of a model that one front end runs at once
MOST_ADOPTED = 64  # predictions by one beat, however many are held: those may be of a model that has no batcher
BEAT = 1.0  # seconds between two beats while there is a prediction: a fifth of a lease
IDLE_BEAT = 5.0  # seconds while there is none
LOOK = 0.2  # seconds between two looks for those who wait, at least
LOOK_PAUSE = 4  # as long as so many looks: for thousands of them one takes as long as requests would
PATIENCE = 5.0  # seconds until an answer of the broker is given up
TRIES = 2  # of what the broker did not answer: every method may be asked again

Found = TypeVar("Found")
Ask = Callable[[PredictionBroker], Awaitable[Any]]


class Keeper:
    """What a front end knows of its predictions. `run_one` is set by whoever makes the application."""

    def __init__(self, front_end: str, breaker: CircuitBreaker, clock: Callable[[], float] = time.monotonic) -> None:
        self.front_end = front_end
        self.ticked, self.rests = clock(), True
        self.run_one: Callable[[str, Order | None], Awaitable[None]] | None = None
        self.running: dict[str, asyncio.Task[None]] = {}  # by id, those that wait for their turn too
        self.adopted = 0  # ever
        self.is_ending = False  # then it adopts none
        self._unwanted = Unwanted()
        self._breaker = breaker
        self._clock = clock
        self._asked: deque[tuple[Ask, asyncio.Future[Any], int]] = deque()  # with the tries that it had
        self._waiting = Waiting()
        self._wake = asyncio.Event()
        self._open = 0  # predictions of all front ends, at the last beat
        self._beat_at = self._look_at = 0.0  # seconds, the loop's clock
        self._no_beat = ThrottledLog(log.error)

    async def run(self, broker: FrontEndBroker) -> None:
        """Turn after turn, for ever."""
        loop = asyncio.get_running_loop()
        if self._asked:
            self._wake.set()  # the connection before this one was lost with these
        while True:
            timer = loop.call_later(self._pause(loop.time()), self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()
            self._wake.clear()
            self.ticked = self._clock()
            await self._serve(broker.predictions)
            if loop.time() >= self._beat_at:
                await self._beat(broker.predictions, loop)
                await self._unwanted.forget(broker.predictions)
            if loop.time() >= self._look_at and (ids := list(self._waiting.ids(self.running))):
                await self._look(broker.predictions, ids, loop)

    async def ask(self, asked: Callable[[PredictionBroker], Awaitable[Found]]) -> Found:
        """What the broker says. Raises `Problem` (broker_unavailable, broker_full)."""
        if self._breaker.is_open:
            raise self._breaker.problem()
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._asked.append((asked, future, 0))
        self._wake.set()
        try:
            async with asyncio.timeout(PATIENCE):
                return await future
        except TimeoutError:
            raise self._breaker.problem() from None

    @property
    def has_room(self) -> bool:
        """Whether one more would run at once."""
        return len(self.running) < MOST_RUNNING

    def take(self, id: str, order: Order | None = None) -> None:
        """Run this prediction, which is held by this front end; with the order where it was created as running."""
        assert self.run_one is not None
        if id in self.running:
            return
        task = asyncio.ensure_future(self.run_one(id, order))
        self.running[id] = task
        task.add_done_callback(partial(self._ended, id))
        self._beat_at = min(self._beat_at, asyncio.get_running_loop().time() + BEAT)
        self._wake.set()

    def drop(self, id: str) -> None:
        """It is held here no more: its jobs are cancelled."""
        task = self.running.get(id)
        if task is not None:
            task.cancel()

    async def stop(self, id: str) -> None:
        """The same, and wait until it is over."""
        task = self.running.get(id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def forget(self, id: str) -> None:
        """Its client was refused: nothing of it is to stay, once the broker answers."""
        self._unwanted.add(id)
        self._beat_at = 0.0
        self._wake.set()

    async def until_ended(self, id: str, seconds: float) -> None:
        """Return when it has ended, or is gone, or so many seconds are over."""
        if seconds > 0.0 and not self.is_ending:
            self._wake.set()
            await self._waiting.until_ended(id, seconds)

    async def until_changed(self, seen: Prediction, seconds: float) -> Prediction | None:
        """It once it has come further than that; None where it is gone. The same after so many seconds, or where this
        front end ends."""
        self._wake.set()
        return await self._waiting.until_changed(seen, seconds)

    def end_waits(self) -> None:
        """Whoever waits gets the document as it stands: this front end ends, and another can be asked."""
        self.is_ending = True
        self._waiting.end()

    async def hand_over(self) -> None:
        """This front end ends: others run what it has not ended."""
        self.end_waits()
        held = list(self.running.items())
        for _, task in held:
            task.cancel()
        if held and not self._breaker.is_open:
            try:
                async with asyncio.timeout(BEAT):
                    await self.ask(lambda broker: broker.release(self.front_end, [id for id, _ in held]))
            except (Problem, TimeoutError):
                log.warning("predictions not handed over", predictions=len(held))  # their leases end by themselves

    def _pause(self, now: float) -> float:
        looks = any(self._waiting.ids(self.running))
        return max(0.0, (min(self._beat_at, self._look_at) if looks else self._beat_at) - now)

    async def _serve(self, broker: PredictionBroker) -> None:
        for _ in range(len(self._asked)):  # whoever asks meanwhile has the next turn: beats wait for nobody's rush
            self.ticked = self._clock()
            asked, future, tries = self._asked.popleft()
            if future.done():  # nobody waits any more
                continue
            try:
                found = await asked(broker)
            except BrokerUnavailable:
                if tries + 1 < TRIES:
                    self._asked.appendleft((asked, future, tries + 1))
                else:
                    _refuse(future, self._breaker.problem())
                raise
            except asyncio.CancelledError:  # the breaker has opened
                _refuse(future, self._breaker.problem())
                raise
            except BrokerError as error:
                _refuse(future, _problem_of(error))
            except Exception:
                log.exception("prediction not told")
                _refuse(future, Problem("internal", INTERNAL_DETAIL))
            else:
                if not future.done():
                    future.set_result(found)

    async def _beat(self, broker: PredictionBroker, loop: asyncio.AbstractEventLoop) -> None:
        room = 0 if self.is_ending else MOST_ADOPTED
        try:
            beat = await broker.beat(self.front_end, list(self.running), room)
        except BrokerUnavailable:
            raise
        except BrokerError as error:  # as where its user may not: that costs predictions, and nothing else
            self._no_beat("predictions unattended", reason=str(error), remedy="docs/acl")
            self._beat_at = loop.time() + IDLE_BEAT
            return
        adopted = self._note(beat)
        self._beat_at = loop.time() + (BEAT if self._open or self.running else IDLE_BEAT)
        if adopted:
            await _tell_adopted(broker, adopted)

    def _note(self, beat: Beat) -> list[str]:
        """Returns those that are adopted."""
        for id in beat.lost:
            self.drop(id)
        adopted = sorted(set(beat.adopted) - self.running.keys())
        for id in adopted:
            self.adopted += 1
            self.take(id)
        self._open = beat.open
        return adopted

    async def _look(self, broker: PredictionBroker, ids: Sequence[str], loop: asyncio.AbstractEventLoop) -> None:
        began = loop.time()
        found = await broker.read(ids)
        for id in ids:
            self._waiting.note(id, found.get(id))
        self._look_at = loop.time() + max(LOOK, LOOK_PAUSE * (loop.time() - began))

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        self.running.pop(id, None)
        if task.cancelled():  # another front end may run it: whoever waits looks for it from now on
            self._wake.set()
        else:
            self._waiting.note_end(id)


async def _tell_adopted(broker: PredictionBroker, ids: Sequence[str]) -> None:
    """Whose they are stands at the broker alone."""
    found: Mapping[str, Prediction] = {}
    with suppress(BrokerError):  # the next trip says so; these lines are due all the same
        found = await broker.read(ids)
    for id in ids:
        log.warning("prediction adopted", prediction=shown(id), **(named(found[id].request) if id in found else {}))


def shown(id: str) -> str:
    """An id as the log has it: whoever knows all of it may read the prediction."""
    return f"{id[:14]}…"


def _refuse(future: asyncio.Future[Any], problem: Problem) -> None:
    if not future.done():
        future.set_exception(problem)


def _problem_of(error: BrokerError) -> Problem:
    if isinstance(error, BrokerFull):
        return Problem("broker_full", "The broker is out of memory and takes no new predictions.")
    log.error("prediction refused by the broker", reason=str(error))
    return Problem("broker_unavailable", "The broker keeps no predictions at the moment.")
