"""The batches of one front end: those that it runs, and those in the store that nobody runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from weakref import WeakValueDictionary

import structlog
from starlette.types import ASGIApp

from server.api.limits import most_bytes
from server.batches.archive import Archive
from server.batches.asking import Asking, Pace
from server.batches.kept import Asked, Batch, created_at, shown
from server.batches.leases import Leases
from server.batches.running import Run
from server.dialects.openai.embeddings import TIMES
from server.errors import Problem
from server.files.files import Files
from server.files.store import StoreError
from server.front_end import FrontEnd

log = structlog.get_logger("server.batches")

MOST_RUNNING = 16  # batches for one address that a front end runs at once; others wait for their turn
BESIDE_BODY = 65_536  # bytes of a line that are not its body
LOOK = 10.0  # seconds between two looks for batches that nobody runs, more or less
ABANDONED = 3_600.0  # seconds after which a batch without a beginning is one that nobody was told of
EXPIRY = 3_600.0  # seconds between two looks for batches that are to be forgotten


class Batches:
    """Runs and adopts batches. `app` has the addresses that answer their lines."""

    def __init__(self, front_end: FrontEnd, app: ASGIApp, archive: Archive, files: Files) -> None:
        self._front_end, self._app, self._archive, self._files = front_end, app, archive, files
        self.leases = Leases(front_end.tasks.predictions)
        self.turns = WeakValueDictionary[str, asyncio.Semaphore]()  # by endpoint: those of batches that are here
        self._pace = Pace()
        self._forgets_at = 0.0

    async def run_one(self, id: str) -> None:
        """Returns when this batch has ended, or is held by another."""
        who = {"batch": shown(id)}
        try:
            batch = await self._find(id)
            if batch is not None:
                who = batch.asked.identity
            endpoint = batch.asked.endpoint if batch is not None else ""
            async with self.turns.setdefault(endpoint, asyncio.Semaphore(MOST_RUNNING)):
                if await self.leases.holds(id):
                    await self._run(id)
                    await self._leave(id, who)
        except Problem as problem:  # the broker is away: whoever has the lease then goes on
            log.warning("batch given up", **who, code=problem.code)
        except Exception:
            log.exception("batch crashed", **who)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """While the `with` lasts, batches that nobody runs are run here."""
        task = asyncio.create_task(self._watch(), name="batches")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def look(self) -> None:
        """Run those that are open in the store and not known to the broker: it came back empty, or whoever created one
        has died. Raises `StoreError`, `Problem`."""
        ids = await self._archive.open_ids()
        for id in await self.leases.unheld(ids) if ids else ():
            batch = await self._archive.find(id)
            if batch is None:
                if self._archive.wall() - created_at(id) > ABANDONED:
                    await self._archive.forget(id)
            elif batch.end is not None:
                await self._archive.clear(id)
            else:
                log.warning("batch adopted", **batch.asked.identity)
                await self.leases.revive(batch.asked, self._archive.wall())

    async def forget(self) -> None:
        """Those that have ended and whose time is over, and keys of none. Raises `StoreError`."""
        ttl = self._front_end.settings.files_ttl
        oldest = self._archive.wall() - ttl
        for id in await self._archive.ids():
            if created_at(id) < oldest:
                batch = await self._archive.find(id)
                if batch is None or (batch.end is not None and batch.asked.expires_at < oldest):
                    await self._archive.forget(id)
        for key in await self._archive.keys():
            owner = await self._archive.owner_of(key)
            if owner is not None and created_at(owner.id) < oldest and await self._archive.find(owner.id) is None:
                await self._archive.forget_keys([key])

    async def _watch(self) -> None:
        """Now and then, and at once when the broker is back: whoever ran one then goes on without having stopped."""
        breaker = self._front_end.tasks.breaker
        while True:
            await breaker.until_closed()
            try:
                await self.look()
                if self._forgets_at <= self._front_end.clock():
                    self._forgets_at = self._front_end.clock() + EXPIRY * random.uniform(0.9, 1.1)
                    await self.forget()
            except (StoreError, Problem) as error:
                log.warning("batches not looked for", reason=str(error))
            except Exception:
                log.exception("look for batches crashed")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK * random.uniform(0.75, 1.25)):
                    await breaker.until_open()

    async def _run(self, id: str) -> None:
        batch = await self._find(id)
        if batch is None:
            return
        longest = most_bytes(self._front_end.settings, TIMES) + BESIDE_BODY
        end = await Run(self._archive, self._files, self._ask, longest, batch.asked)()
        if end is not None:
            self._front_end.metrics.batches[(end.status,)] += 1
            counted = {"total": end.total, "completed": end.completed, "failed": end.failed}
            log.info("batch ended", **batch.asked.identity, status=end.status, **counted)

    async def _leave(self, id: str, who: Mapping[str, str]) -> None:
        """It has ended: whoever wants to be told is."""
        batch = await self._find(id)
        if batch is None or batch.end is None:
            log.error("batch is not in the store any more", **who)
            await self.leases.remove(id)
        else:
            await self.leases.end(batch.asked, batch.end, self._front_end.settings.prediction_ttl)

    async def _find(self, id: str) -> Batch | None:
        while True:
            try:
                return await self._archive.find(id)
            except StoreError as error:
                log.warning("batch waits for the store", batch=shown(id), reason=str(error))
                await asyncio.sleep(LOOK)

    def _ask(self, asked: Asked) -> Asking:
        return Asking(self._front_end, self._app, self._pace, asked, self._archive.wall)
