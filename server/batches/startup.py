"""What a front end needs for batches: their addresses, who runs one, and the look for those that nobody runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from broker.predictions.contract import Order
from server.batches import routes as addresses
from server.batches.archive import Archive
from server.batches.asking import MODELS
from server.batches.kept import PREFIX, shown
from server.batches.leases import Leases
from server.batches.routes import BatchRoutes
from server.batches.service import Batches
from server.errors import Problem
from server.files.startup import OFF
from server.front_end import FrontEnd
from server.predictions.runner import Runner

log = structlog.get_logger("server.batches")


class RunsBoth:
    """Runs what this front end holds: predictions, and batches where there is a store for them."""

    def __init__(self, front_end: FrontEnd, app: ASGIApp) -> None:
        self._predictions = Runner(front_end, app)
        self._leases = Leases(front_end.tasks.predictions)
        files = front_end.files
        self._batches = files and Batches(front_end, app, Archive(files.store), files)

    async def __call__(self, id: str, order: Order | None) -> None:
        if not id.startswith(PREFIX):
            await self._predictions(id, order)
        elif self._batches:
            await self._batches.run_one(id)
        else:
            await self._hand_back(id)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """While the `with` lasts, batches that nobody runs are run here."""
        if not self._batches:
            yield
            return
        async with self._batches.watched():
            yield

    async def _hand_back(self, id: str) -> None:
        """A front end without a store has adopted it: another one may."""
        try:
            await self._leases.release(id)
            log.warning("batch not run here", batch=shown(id), remedy="--files")
        except Problem as problem:
            log.warning("batch given up", batch=shown(id), code=problem.code)


def routes(front_end: FrontEnd, paths: Collection[str]) -> list[Route]:
    """`paths`: what the lines of a batch may ask for."""
    endpoints = frozenset(path for path in paths if not path.startswith(MODELS))
    if front_end.files is not None:
        leases = Leases(front_end.tasks.predictions)
        batches = BatchRoutes(front_end, Archive(front_end.files.store), leases, endpoints)
        return addresses.routes(batches.many, batches.one, batches.cancel)

    async def off(request: Request) -> Response:
        raise Problem("not_found", OFF)

    return addresses.routes(off, off, off)
