"""What a front end needs to know callers, and what it does for that while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import structlog

from broker.credentials.policies import parse_policies
from server.callers.authentication import Authentication
from server.callers.known_keys import BrokerKeys, FileKeys, KnownKeys
from server.callers.strangers import Strangers
from server.front_end import FrontEnd
from server.settings import ServerSettings
from server.webhooks.addresses import networks_in

log = structlog.get_logger("server.callers")

OFF, ON = "off", "on"


def authentication_from(settings: ServerSettings) -> Authentication | None:
    """None where `--api-keys` is off: everybody may ask. Raises `ValueError` for a file that cannot be read."""
    if settings.api_keys == OFF:
        return None
    policies, proxies = parse_policies(settings.anonymous), networks_in(settings.trusted_proxies)
    return Authentication(_keys(settings.api_keys), Strangers(policies, proxies) if policies else None)


def _keys(where: str) -> KnownKeys:
    if where == ON:
        return BrokerKeys()
    keys = FileKeys(Path(where))
    try:
        keys.read()
    except OSError as error:
        raise ValueError(f"--api-keys: {where}: {error.strerror}; say on, off, or a file that exists") from None
    except ValueError as error:
        raise ValueError(f"--api-keys: {where}: {error}") from None
    return keys


def broker_keys(authentication: Authentication | None) -> BrokerKeys | None:
    """Those that discovery reads."""
    keys = authentication.keys if authentication else None
    return keys if isinstance(keys, BrokerKeys) else None


def warn_of_strangers(settings: ServerSettings) -> None:
    """Where anybody who reaches the port may ask, that is said once."""
    if settings.api_keys == OFF and not _is_loopback(settings.host):
        log.warning("open to everybody", host=settings.host, remedy="--api-keys on, or a gateway that asks for keys")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@asynccontextmanager
async def keys_watched(front_end: FrontEnd) -> AsyncIterator[None]:
    """While the `with` lasts, a file of keys is read again when it changes. The broker's are with each look."""
    authentication = front_end.authentication
    if authentication is None or not isinstance(authentication.keys, FileKeys):
        yield
        return
    task = asyncio.create_task(authentication.keys.watch(), name="keys")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
