"""Connections to Redis or Valkey that never send a command twice by themselves, and the checks a server must pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

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

from broker.common.diagnosis import diagnose, spoken, wrong_type
from broker.common.masking import is_ambiguous
from broker.errors import BrokerError, BrokerFull, BrokerUnavailable, BrokerUnfit
from broker.facts import TO_CONFIRM, facts
from broker.redis.client import Client
from broker.redis.link import BREAKING

# What a server says while a failover, a full disk or a long script lasts. In a pipeline it stands inside a sentence.
PASSING = re.compile(r"\b(NOREPLICAS|CLUSTERDOWN|MISCONF|BUSY|MASTERDOWN|LOADING|TRYAGAIN|UNBLOCKED|READONLY)\b")
# As scripts and `named` say it, and as a pipeline of redis-py does, where the key stands before it.
WRONG_TYPE = re.compile(r"WRONGTYPE.*? key (jitney:\S+)|\([A-Z]+ (jitney:[^\s)]+).*WRONGTYPE")
NO_CONFIRMATION = (
    (r"(?i)unknown (redis )?command", "it does not know WAITAOF"),
    (r"(?i)appendonly is disabled", "its append-only file is off"),
)
log = structlog.get_logger("broker")


def options(name: str | None, socket_timeout: float) -> dict[str, Any]:
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
        "driver_info": None,  # no CLIENT SETINFO: two commands less to allow, which Redis 7.0 does not know anyhow
    }


def make_client(url: str, *, name: str, socket_timeout: float) -> Client:
    """An asyncio client, for a few long-lived tasks. `socket_timeout` is that without progress; a blocking command
    needs one well below it. Raises `BrokerUnfit` for a URL that is none."""
    with _readable(url):
        retry = AsyncRetry(NoBackoff(), 0, BREAKING)
        # No health checks: a trip on a dead connection is noticed as soon as a PING before it would be.
        made = options(name, socket_timeout) | {"health_check_interval": 0}
        client = Client(connection_pool=redis.asyncio.ConnectionPool.from_url(url, retry=retry, **made))
        _try_options(client.connection_pool)
    return client


def make_sync_client(url: str, *, name: str | None, socket_timeout: float) -> redis.Redis:
    """A client for a thread of its own; without a `name` it needs no right to give itself one. Raises `BrokerUnfit` for
    a URL that is none."""
    with _readable(url):
        client: redis.Redis = redis.Redis.from_url(
            url, max_connections=1, retry=Retry(NoBackoff(), 0, BREAKING), **options(name, socket_timeout)
        )
        _try_options(client.connection_pool)
    return client


@contextmanager
def _readable(url: str) -> Iterator[None]:
    try:
        parts = urlsplit(url)
        if parts.scheme != "unix" and not re.fullmatch(r"/?\d*/?", parts.path):
            raise ValueError("Database is no number")  # redis-py takes it for 0
        if is_ambiguous(url):
            raise ValueError("Ambiguous")
        yield
    except (ValueError, TypeError) as error:
        # From nothing: what urllib says of a port may be a piece of a password.
        raise BrokerUnfit(str(diagnose(error, url))) from None


def _try_options(pool: Any) -> None:
    """An option of the URL that redis-py does not know is told now, not at every attempt to connect."""
    pool.connection_class(**pool.connection_kwargs)


class translated:
    """Redis' errors become the broker's. `key`: the only one that is asked for."""

    # No generator: it stands around every trip, and `contextmanager` would cost a tenth of one.
    def __init__(self, key: str = "") -> None:
        self._key = key

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and (told := _translation(error, self._key)) is not None:
            raise told from error


def _translation(error: BaseException, key: str) -> BrokerError | None:
    """None for what is none of Redis' errors."""
    match error:
        case OutOfMemoryError():
            return BrokerFull()
        case ReadOnlyError():
            return BrokerUnavailable("the broker is a read-only replica: a failover is under way")
        case AuthenticationError():
            return BrokerUnavailable("the broker refuses the user or password in JITNEY_REDIS_URL")
        case ConnectionError() | TimeoutError() | OSError():
            return BrokerUnavailable(f"the broker does not answer: {spoken(error)}")
        case ClusterDownError() | MasterDownError() | TryAgainError():
            return BrokerUnavailable(f"the broker is not ready: {error}")
        case ResponseError():
            return _refusal(error, key)
        case RedisError():
            return BrokerUnavailable(f"the broker failed: {spoken(error)}")
        case RuntimeError() if "handler is closed" in str(error):
            # uvloop's word for writing to a connection that was reset a moment ago.
            return BrokerUnavailable("the broker has reset the connection")
    return None


def _refusal(error: ResponseError, key: str) -> BrokerError:
    if "OOM " in str(error):
        return BrokerFull()
    if found := WRONG_TYPE.search(str(error)):
        return BrokerError(wrong_type(found[1] or found[2]))
    if key and "WRONGTYPE" in str(error):
        return BrokerError(wrong_type(key))
    if PASSING.search(str(error)):
        return BrokerUnavailable(f"the broker is not ready: {error}")
    return BrokerError(f"the broker refuses a command: {spoken(error)}")


async def check(client: redis.asyncio.Redis, key: str) -> None:
    """Raise `BrokerUnfit` for a server that would lose jobs: too old, one that may evict keys, a Sentinel; and
    `BrokerUnavailable` for one that cannot take any now: a replica, a node of a cluster that does not hold `key`."""
    try:
        with translated():
            info = await client.info()
    except BrokerError as error:
        if not isinstance(error.__cause__, NoPermissionError):
            raise
        log.warning("broker unchecked", reason="INFO is denied", needs="version >= 7.0, maxmemory-policy noeviction")
        return
    seen = facts(info)
    if misfit := seen.misfit:
        raise BrokerUnfit(f"the broker cannot be used: {misfit}")
    if seen.role == "slave":
        raise BrokerUnavailable("the broker is a read-only replica: a failover is under way")
    if seen.mode == "cluster":
        with translated():
            await client.get(key)


@contextmanager
def confirmation() -> Iterator[None]:
    """As `translated`; a server that can never say it raises `BrokerError` with the reason and what helps."""
    with translated():
        try:
            yield
        except ResponseError as error:
            if reason := _no_confirmation(error):
                raise BrokerError(f"the broker cannot confirm what is on its disk: {reason}; {TO_CONFIRM}") from error
            raise


def _no_confirmation(error: ResponseError) -> str:
    if isinstance(error, NoPermissionError):
        return "our user may not ask it (WAITAOF, INFO)"
    return next((said for pattern, said in NO_CONFIRMATION if re.search(pattern, str(error))), "")
