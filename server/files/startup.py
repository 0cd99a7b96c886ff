"""What a front end needs for files, and what it does for them while it runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from server.errors import Problem
from server.files.files import Files
from server.files.store import StoreError, open_store
from server.front_end import FrontEnd
from server.settings import ServerSettings

log = structlog.get_logger("server.files")

OFF = "Files and batches are off here: start front ends with --files DIR or --files s3://bucket/prefix."
BETWEEN_SWEEPS = 3_600.0  # seconds


def files_from(settings: ServerSettings) -> Files | None:
    """None where `--files` does not say where they lie. Raises `ValueError` where something is missing."""
    if not settings.files:
        return None
    try:
        return Files(open_store(settings.files), settings.files_ttl)
    except ValueError as error:
        raise ValueError(f"--files: {error}") from None


def files_of(front_end: FrontEnd) -> Files:
    """Those of this front end. Raises `Problem` (not_found) where it has none."""
    if front_end.files is None:
        raise Problem("not_found", OFF)
    return front_end.files


@asynccontextmanager
async def files_swept(front_end: FrontEnd) -> AsyncIterator[None]:
    """While the `with` lasts, now and then."""
    if front_end.files is None:
        yield
        return
    task = asyncio.create_task(sweeping(front_end.files), name="files")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def sweeping(files: Files, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """At once, and every hour or so, for ever: front ends that began together do not stay together."""
    while True:
        try:
            gone = await files.sweep()
            log.info("files swept", gone=gone)
        except StoreError as error:
            log.warning("files not swept", why=str(error))
        except Exception:
            log.exception("sweep of files crashed")
        await sleep(BETWEEN_SWEEPS * random.uniform(0.9, 1.1))
