"""Rows to the server and answers back, as often as it takes: refusals are waited for, bad requests are halved."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from jitney.batch.contract import NOT_REACHED, REFUSED, USAGE, Answer, Row, Stopped
from jitney.batch.options import BatchOptions
from jitney.batch.verdict import Answered, Halve, Later, Never, TryAgain, Verdict
from jitney.client.policy.flow import LONGEST_PAUSE, SHORTEST_PAUSE, Flow

TRIES = 5  # for what may be the rows' own fault


class Unreachable(Exception):
    """The request or its reply was lost on the way."""


class Post(Protocol):
    """Status, headers (lower case) and body of the reply. Raises `Unreachable`."""

    async def __call__(self, address: str, body: bytes) -> tuple[int, Any, bytes]: ...


class Asking(Protocol):
    """How rows become a request, and what its reply means for them."""

    can_ask_for_none: bool  # a request without rows tells whether the endpoint takes the options

    def request(self, rows: Sequence[Row]) -> tuple[str, bytes]:
        """Address and body."""

    def judge(
        self, status: int, headers: Mapping[str, str], body: bytes, rows: Sequence[Row], now: datetime
    ) -> Verdict: ...

    def given_up(self, rows: Sequence[Row], answer: Answer) -> None:
        """No try went well: this is their answer."""


class Asker:
    """Answers of a few rows, in their order. Raises `Stopped` where there will be none."""

    def __init__(
        self,
        post: Post,
        asking: Asking,
        options: BatchOptions,
        flow: Flow,
        note: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._post = post
        self._asking = asking
        self._options = options
        self._flow = flow
        self._clock = clock
        self._note = note
        self._sleep = sleep
        self._is_met = asking.can_ask_for_none  # then `check` has seen that somebody is there
        self._noted: set[str] = set()
        self._under_way = 0
        self._changed = asyncio.Event()

    async def check(self) -> None:
        """Ask for no rows at all: whether the endpoint is there and takes the options. Raises `Stopped`."""
        while self._asking.can_ask_for_none:
            try:
                status, headers, body = await self._post(*self._asking.request([]))
            except Unreachable as error:
                raise self._not_reached(error) from error
            verdict = self._asking.judge(status, headers, body, [], datetime.now(UTC))
            if isinstance(verdict, Answered):
                return self._warn(verdict.warnings)
            if isinstance(verdict, Later) and status != 404:
                await self._later(verdict)
                await self._sleep(self._flow.pause(self._clock()))
                continue
            is_passing = isinstance(verdict, TryAgain)
            raise Stopped(REFUSED if is_passing else USAGE, f"{self._options.endpoint} refuses: {_said(verdict)}")

    async def ask(self, rows: Sequence[Row]) -> list[Answer]:
        if not rows:
            return []
        tries = 1
        while isinstance(verdict := await self._settled(rows), TryAgain):
            if tries == TRIES:
                self._asking.given_up(rows, verdict.answer)
                return [verdict.answer] * len(rows)
            await self._rest(tries)
            tries += 1
        if isinstance(verdict, Halve):
            return await self._halves(rows, verdict)
        return await self._passing(rows, verdict, tries)

    async def _rest(self, tries: int) -> None:
        await self._sleep(min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**tries))

    async def _settled(self, rows: Sequence[Row]) -> Answered | Halve | TryAgain:
        """A reply that is about the rows, however long the server is away or busy."""
        while True:
            verdict = await self._reply(rows)
            if isinstance(verdict, Later):
                await self._later(verdict)
                continue
            if isinstance(verdict, Never):
                raise Stopped(USAGE, f"{self._asking.request(rows)[0]} refuses: {verdict.why}")
            self._flow.answered()
            return verdict

    async def _reply(self, rows: Sequence[Row]) -> Verdict:
        address, body = self._asking.request(rows)
        async with self._turn():
            try:
                status, headers, reply = await self._post(address, body)
            except Unreachable as error:
                if not self._is_met:
                    raise self._not_reached(error) from error
                return Later(wait=None, why=f"{self._options.url} is not reached: {error}", is_away=True)
        self._is_met = True
        verdict = self._asking.judge(status, headers, reply, rows, datetime.now(UTC))
        if isinstance(verdict, Answered):
            self._warn(verdict.warnings)
        return verdict

    def _not_reached(self, error: Unreachable) -> Stopped:
        return Stopped(NOT_REACHED, f"{self._options.url} is not reached: {error}")

    async def _later(self, verdict: Later) -> None:
        is_worth_it = self._flow.refused(self._clock(), verdict.wait)
        self._note(f"waiting: {verdict.why}")
        if not is_worth_it:
            wait = "" if verdict.wait is None else f", and asks to come back in {verdict.wait:.0f} s"
            raise Stopped(NOT_REACHED if verdict.is_away else REFUSED, f"no answer for long: {verdict.why}{wait}")

    async def _halves(self, rows: Sequence[Row], verdict: Halve) -> list[Answer]:
        if len(rows) == 1:
            return [verdict.answer]
        middle = len(rows) // 2
        return [*await self.ask(rows[:middle]), *await self.ask(rows[middle:])]

    async def _passing(self, rows: Sequence[Row], verdict: Answered, tries: int) -> list[Answer]:
        """What may go well at another try is tried again, the rest stays as it is."""
        answers = list(verdict.answers)
        places = list(verdict.passing)
        while places and tries < TRIES:
            await self._rest(tries)
            tries += 1
            again = await self._settled([rows[place] for place in places])
            if not isinstance(again, Answered):
                break
            for place, answer in zip(places, again.answers, strict=True):
                answers[place] = answer
            places = [places[at] for at in again.passing]
        return answers

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the requests that may be under way."""
        while (pause := self._flow.pause(self._clock())) or self._under_way >= self._flow.limit:
            if pause:
                await self._sleep(pause)
                continue
            self._changed.clear()
            await self._changed.wait()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._changed.set()

    def _warn(self, warnings: Sequence[str]) -> None:
        for warning in warnings:
            if warning not in self._noted:
                self._noted.add(warning)
                self._note(f"warning: {warning}")


def _said(verdict: Verdict) -> str:
    if isinstance(verdict, Halve | TryAgain):
        return str((verdict.answer.error or {}).get("message"))
    return verdict.why if isinstance(verdict, Never | Later) else ""
