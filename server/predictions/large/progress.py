"""What the records of one prediction have come to: carried over to its next run, and to the broker while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import structlog

from broker.predictions.contract import MOST_ROWS, PredictionBroker
from server.codecs.encoding import INLINE, weight
from server.codecs.pool import CodecPool
from server.codecs.work import Work
from server.dialects.contract import Call
from server.errors import ASKS_TO_COME_BACK, Problem
from server.predictions.keeper import Keeper, shown
from server.predictions.large.kept_rows import record_from, row_from, row_to_bytes
from server.requests.request import Record

log = structlog.get_logger("server.predictions")

PERIOD = 1.0  # seconds after which what has ended is brought to the broker, and before which nothing is
MOST_BYTES = 524_288  # of rows that are brought at once, or one row
PAGE = 256  # rows that are fetched at once
Made = list[tuple[bytes, bool]]  # rows, and whether each has failed


class Progress:
    """Rows stand at the broker in the order of the records, so those go there before which no record is open."""

    def __init__(self, id: str, keeper: Keeper, pool: CodecPool, who: Mapping[str, str]) -> None:
        self._id = id
        self._named = {"prediction": shown(id), **who}  # in the log
        self._keeper = keeper
        self._pool = pool
        self._ended: dict[int, Record] = {}  # by its place in the request
        self._models: dict[int, str] = {}  # who answered
        self._ids: Sequence[Any] = ()  # of records
        self._ready = 0  # from the first record on, so many have ended
        self._kept = 0  # rows at the broker
        self._failed = [0]  # for each number of rows: how many of them have failed
        self._is_kept = True  # at the broker as well
        self._many = asyncio.Event()  # so many are ready that they are brought before their time

    @property
    def models(self) -> list[str]:
        """Who answered, in the order of the records."""
        return list(dict.fromkeys(self._models[place] for place in sorted(self._models)))

    async def load(self) -> None:
        """What whoever ran it before has brought. Raises `Problem` while the broker is away."""
        while True:
            rows = await self._keeper.ask(self._page)
            try:
                self._take(rows)
            except msgspec.DecodeError:
                log.warning("kept rows cannot be read", **self._named)
                return
            if len(rows) < PAGE:
                return

    def continue_with(self, records: list[Record], call: Call) -> list[Record]:
        """Put those that have ended in the place of the new ones. Returns those that are to be computed. Answers of
        another model are none: the default of a task may have changed meanwhile. Nor are those of records that mean
        nothing alone, as in a cluster: all have to be of one revision."""
        name, self._ids = f"{call.served.card.name}@", call.row_ids or ()
        if call.row_ids is None or any(not model.startswith(name) for model in self._models.values()):
            self._forget()
        left = [record for place, record in enumerate(records) if place not in self._ended]
        for place, record in self._ended.items():
            records[place] = record
        return left

    def add(self, records: Sequence[tuple[int, Record, str]]) -> None:
        """These have ended: their places, and who answered them. What another run may mend has not."""
        for place, record, model in records:
            if record.problem is None or record.problem.status not in ASKS_TO_COME_BACK:
                self._ended[place], self._models[place] = record, model
        while self._ready in self._ended:
            self._ready += 1
        if self._ready - self._kept >= MOST_ROWS:
            self._many.set()

    async def keep(self) -> None:
        """Bring them to the broker, until this is cancelled or somebody else runs the prediction. What ends within the
        first moment is not worth it."""
        try:
            await asyncio.sleep(PERIOD)
            while self._is_kept and await self._bring():
                with suppress(TimeoutError):
                    async with asyncio.timeout(PERIOD):
                        await self._many.wait()
        except Exception:  # the result needs none of them
            log.exception("rows not kept", **self._named)

    async def _page(self, broker: PredictionBroker) -> Sequence[bytes]:
        return await broker.rows(self._id, self._ready, PAGE)

    def _take(self, rows: Sequence[bytes]) -> None:
        for kept in [row_from(data) for data in rows]:
            record = record_from(kept)
            self.add([(self._ready, record, kept.model)])
            self._failed.append(self._failed[-1] + (record.problem is not None))
            self._kept = self._ready

    def _forget(self) -> None:
        self._ended, self._models = {}, {}
        self._ready, self._failed, self._is_kept = 0, [0], False

    async def _bring(self) -> bool:
        """Whether there is any use in more."""
        while self._kept < self._ready:
            places = range(self._kept, min(self._ready, self._kept + MOST_ROWS))
            try:
                rows = self._counted(places.start, await self._made(places))
                kept = await self._keeper.ask(partial(self._add_rows, places.start, rows))
            except Problem:  # the broker is away or full, or the threads are busy: at the next turn
                break
            if kept is None:
                return False
            self._kept = kept  # fewer than before where the broker has lost the last second
        self._many.clear()
        return True

    async def _add_rows(self, first: int, rows: Sequence[bytes], broker: PredictionBroker) -> int | None:
        failed = self._failed[first + len(rows)]
        return await broker.add_rows(self._id, self._keeper.front_end, first, rows, failed)

    async def _made(self, places: range) -> Made:
        size = sum([weight(self._ended[place].values()) for place in places])
        if size <= INLINE:
            return self._rows(places)
        return await self._pool.run(partial(self._rows, places), size, Work())

    def _rows(self, places: range) -> Made:
        found: Made = []
        size = 0
        for place in places:
            record = self._ended[place]
            answer = record.answer()
            row = row_to_bytes(answer, self._models[place], self._ids[place])
            size += len(row)
            if found and size > MOST_BYTES:
                break
            found.append((row, isinstance(answer, Problem)))
        return found

    def _counted(self, first: int, made: Made) -> list[bytes]:
        del self._failed[first + 1 :]
        for _, has_failed in made:
            self._failed.append(self._failed[-1] + has_failed)
        return [row for row, _ in made]
