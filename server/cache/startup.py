"""What a front end needs before it may keep answers, and what it does for that while it runs."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from broker.errors import BrokerUnfit
from broker.history.hashing import REMEDY, hash_secret_from
from broker.settings import BrokerSettings
from server.cache.cache import Cache
from server.cache.memory import AnswerMemory
from server.cache.remote import CacheServer
from server.front_end import FrontEnd
from server.settings import ServerSettings

ALL = "all"


def cache_secret_from(environ: Mapping[str, str], settings: ServerSettings) -> bytes:
    """That of the deployment, else one of this process. Raises `ValueError` where the front ends of a shared cache have
    none in common."""
    secret = hash_secret_from(environ) if settings.cache_bytes else None
    if secret is None and settings.cache_url:
        raise ValueError(f"--cache-url needs a secret that all front ends share: {REMEDY}")
    return secret or secrets.token_bytes(32)


def cache_from(
    settings: ServerSettings, broker: BrokerSettings, secret: bytes, on_unfit: Callable[[BrokerUnfit], None]
) -> Cache | None:
    """None where nothing is kept. Raises `BrokerUnfit` for a server that can be no cache."""
    if not settings.cache_bytes:
        return None
    server = None
    if settings.cache_url:
        server = CacheServer(settings.cache_url, broker.namespace, broker_url=broker.redis_url, on_unfit=on_unfit)
    memory, is_of_all = AnswerMemory(settings.cache_bytes), settings.cache_scope == ALL
    return Cache(memory, secret, ttl=settings.cache_ttl, is_of_all=is_of_all, server=server)


@asynccontextmanager
async def cache_served(front_end: FrontEnd) -> AsyncIterator[None]:
    """Its server is read and filled while the `with` lasts."""
    cache = front_end.cache
    if cache is None or cache.server is None:
        yield
    else:
        async with cache.server.running():
            yield
