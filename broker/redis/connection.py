"""Connections to Redis or Valkey that never send a command twice by themselves, and the checks a server must pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
import structlog
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from broker.errors import BrokerError, BrokerFull, BrokerUnavailable, BrokerUnfit
from broker.settings import shown

FLOOR = (7, 0)
# What a server says while a failover, a full disk or a long script lasts. In a pipeline it stands inside a sentence.
PASSING = re.compile(r"\b(NOREPLICAS|CLUSTERDOWN|MISCONF|BUSY|MASTERDOWN|LOADING|TRYAGAIN|UNBLOCKED|READONLY)\b")
log = structlog.get_logger("broker")


def options(name: str, socket_timeout: float) -> dict[str, Any]:
    """What every client is made with; besides, each has a `retry` of its own kind: asyncio's is another class.

    redis-py retries by itself (an LPUSH during a pause pushed twice), and skips its own check for unread replies
    while maintenance notifications are on (a pooled connection then hands one caller's reply to another).
    """
    return {
        "protocol": 3,
        "decode_responses": False,
        "socket_timeout": socket_timeout,
        "socket_connect_timeout": 0.5,
        "health_check_interval": 15,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        "client_name": name,
    }


def make_client(url: str, *, name: str, socket_timeout: float, max_connections: int = 2) -> redis.asyncio.Redis:
    """An asyncio client, for one long-lived task. A blocking command needs a timeout well below `socket_timeout`."""
    try:
        client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
            url, max_connections=max_connections, retry=AsyncRetry(NoBackoff(), 0), **options(name, socket_timeout)
        )
    except ValueError as error:
        raise BrokerUnfit(f"{shown(url)} is not a broker's URL: {error}") from error
    return client


def make_sync_client(url: str, *, name: str, socket_timeout: float) -> redis.Redis:
    """A client for a thread of its own."""
    client: redis.Redis = redis.Redis.from_url(
        url, max_connections=1, retry=Retry(NoBackoff(), 0), **options(name, socket_timeout)
    )
    return client


@contextmanager
def translated() -> Iterator[None]:
    """Redis' errors become the broker's."""
    try:
        yield
    except OutOfMemoryError as error:
        raise BrokerFull from error
    except ReadOnlyError as error:
        raise BrokerUnavailable("the broker is a read-only replica: a failover is under way") from error
    except AuthenticationError as error:
        raise BrokerUnavailable("the broker refuses the user or password in JITNEY_REDIS_URL") from error
    except (ConnectionError, TimeoutError, OSError) as error:
        raise BrokerUnavailable(f"the broker does not answer: {error}") from error
    except (ClusterDownError, MasterDownError, TryAgainError) as error:
        raise BrokerUnavailable(f"the broker is not ready: {error}") from error
    except ResponseError as error:
        if "OOM " in str(error):
            raise BrokerFull from error
        if PASSING.search(str(error)):
            raise BrokerUnavailable(f"the broker is not ready: {error}") from error
        raise BrokerError(f"the broker refuses a command: {error}") from error
    except RedisError as error:
        raise BrokerUnavailable(f"the broker failed: {error}") from error


async def check(client: redis.asyncio.Redis) -> None:
    """Raise `BrokerUnfit` for a server that would lose jobs: too old, or one that may evict keys."""
    try:
        with translated():
            info = await client.info()
    except BrokerError as error:
        if not isinstance(error.__cause__, NoPermissionError):
            raise
        log.warning("broker unchecked", reason="INFO is denied", needs="version >= 7.0, maxmemory-policy noeviction")
        return
    judge(info)


def judge(info: Mapping[str, Any]) -> None:
    """The same for what INFO said."""
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < FLOOR:
        raise BrokerUnfit(f"the broker is version {version}: Jitney needs Redis 7.0 or newer, or Valkey")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise BrokerUnfit(
            f"the broker's maxmemory-policy is {policy}, which may evict waiting jobs: set it to noeviction "
            "(CONFIG SET maxmemory-policy noeviction, and the same in its configuration file)"
        )
