"""A front end's side of the cache's server, and what tests do with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from server.cache.remote import CacheServer

NAMESPACE = "test"
PREFIX = f"jitney-cache:{{{NAMESPACE}}}:".encode()
NO_BROKER = "redis://127.0.0.1:1"  # none has to be there


@asynccontextmanager
async def running(url: str, **options: Any) -> AsyncIterator[CacheServer]:
    """The task runs; whether it meets the server is for the test."""
    cache = CacheServer(url, NAMESPACE, **{"broker_url": NO_BROKER} | options)
    async with cache.running():
        yield cache


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[CacheServer]:
    """The same, once it has met the server."""
    async with running(url, **options) as cache:
        await until(lambda: cache.is_up, "the cache's server is met")
        yield cache


async def until(holds: Callable[[], object], what: str, within: float = 15.0) -> float:
    """Poll until it holds; how many seconds that took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within, f"waited {within} s in vain until {what}"
        await asyncio.sleep(0.01)
    return time.monotonic() - started


async def kept(cache: CacheServer, digest: bytes, data: bytes, ttl: float = 60.0) -> None:
    """Put it, and wait until it can be had."""
    cache.put(digest, data, ttl)
    started = time.monotonic()
    while await cache.get_many([digest]) != [data]:
        assert time.monotonic() - started < 10.0, "it is kept"
        await asyncio.sleep(0.01)
