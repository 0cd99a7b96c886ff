"""One try to deliver a webhook: look its receiver up once, check every address, and connect to these and no others.

A second look-up, by the HTTP client, could find other addresses than those that were checked. Redirects are not
followed and no proxy is used, for these lead elsewhere too. Of the answer only status and headers are read.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from broker.common.version import jitney_version
from server.webhooks.addresses import Network
from server.webhooks.receiver import Receiver, is_reachable
from server.webhooks.schedule import Reply, retry_after

TIMEOUT = 15.0  # seconds for all of a try; less than the lease of a webhook
NEEDS_HTTPX2 = "--webhooks needs httpx2, which is not installed: pip install 'jitney[client]'"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Delivery:
    """Makes the tries of one front end."""

    def __init__(
        self, allowed: Sequence[Network], resolve: Resolve = resolve, trust: ssl.SSLContext | None = None
    ) -> None:
        import httpx2

        self._http: Any = httpx2
        self._allowed = allowed
        self._resolve = resolve
        self._trust = trust or httpx2.create_ssl_context()
        self._agent = f"jitney/{jitney_version()}"

    async def __call__(self, receiver: Receiver, headers: Mapping[str, str], body: bytes) -> Reply:
        """What the receiver said; it never raises for what a receiver does."""
        try:
            async with asyncio.timeout(TIMEOUT):
                addresses = await self._resolve(receiver.host, receiver.port)
                if not is_reachable(receiver, addresses, self._allowed):
                    return Reply(is_refused=True)
                return await self._first_answer(receiver, addresses, headers, body)
        except (OSError, UnicodeError, TimeoutError, self._http.HTTPError, self._http.InvalidURL):
            return Reply()

    async def _first_answer(
        self, receiver: Receiver, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """Of the first address that takes a connection."""
        *before, last = addresses
        for address in before:
            try:
                return await self._post(receiver, address, headers, body)
            except (self._http.ConnectError, self._http.ConnectTimeout):
                continue
        return await self._post(receiver, last, headers, body)

    async def _post(self, receiver: Receiver, address: str, headers: Mapping[str, str], body: bytes) -> Reply:
        # A client for each: a connection that is kept for an address was verified for another's name.
        url = self._http.URL(receiver.url).copy_with(host=address)
        known = {"host": receiver.authority, "content-type": "application/json", "user-agent": self._agent}
        name = {"sni_hostname": receiver.host}
        options = {"timeout": TIMEOUT, "trust_env": False, "follow_redirects": False, "verify": self._trust}
        async with (
            self._http.AsyncClient(**options) as client,
            client.stream("POST", url, content=body, headers={**known, **headers}, extensions=name) as answer,
        ):
            wait = retry_after(answer.headers.get("retry-after"), time.time())
            return Reply(status=answer.status_code, retry_after=wait)
