"""Rows to the server and answers back, as often as it takes: refusals are waited for, bad requests are halved."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from jitney.batch.contract import NOT_REACHED, REFUSED, USAGE, Answer, Row, Stopped
from jitney.batch.flow import LONGEST_PAUSE, SHORTEST_PAUSE, Flow
from jitney.batch.options import BatchOptions
from jitney.batch.verdict import Answered, Halve, Later, Never, TryAgain, Verdict, judge

TRIES = 5  # for what may be the rows' own fault


class Unreachable(Exception):
    """The request or its reply was lost on the way."""


class Post(Protocol):
    """Status, headers (lower case) and body of the reply. Raises `Unreachable`."""

    async def __call__(self, body: bytes) -> tuple[int, Any, bytes]: ...


class Asker:
    """Answers of a few rows, in their order. Raises `Stopped` where there will be none."""

    def __init__(
        self,
        post: Post,
        options: BatchOptions,
        flow: Flow,
        note: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._post = post
        self._options = options
        self._flow = flow
        self._clock = clock
        self._note = note
        self._sleep = sleep
        self._noted: set[str] = set()
        self._under_way = 0
        self._changed = asyncio.Event()

    async def check(self) -> None:
        """Ask for no rows at all: whether the endpoint is there and takes the options. Raises `Stopped`."""
        while True:
            try:
                status, headers, body = await self._post(self._body([]))
            except Unreachable as error:
                raise Stopped(NOT_REACHED, f"{self._options.url} is not reached: {error}") from error
            verdict = judge(status, headers, body, 0, datetime.now(UTC))
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
                raise Stopped(USAGE, f"{self._options.endpoint} refuses: {verdict.why}")
            self._flow.answered()
            return verdict

    async def _reply(self, rows: Sequence[Row]) -> Verdict:
        body = self._body(rows)
        async with self._turn():
            try:
                status, headers, reply = await self._post(body)
            except Unreachable as error:
                return Later(wait=None, why=f"{self._options.url} is not reached: {error}", is_away=True)
        verdict = judge(status, headers, reply, len(rows), datetime.now(UTC))
        if isinstance(verdict, Answered):
            self._warn(verdict.warnings)
        return verdict

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

    def _body(self, rows: Sequence[Row]) -> bytes:
        records = [{"id": place, self._options.field: row.text} for place, row in enumerate(rows)]
        return json.dumps({"payload": {**self._options.settings, "records": records}}, ensure_ascii=False).encode()

    def _warn(self, warnings: Sequence[str]) -> None:
        for warning in warnings:
            if warning not in self._noted:
                self._noted.add(warning)
                self._note(f"warning: {warning}")


def _said(verdict: Verdict) -> str:
    if isinstance(verdict, Halve | TryAgain):
        return str((verdict.answer.error or {}).get("message"))
    return verdict.why if isinstance(verdict, Never | Later) else ""
