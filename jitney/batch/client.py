"""The connections to the server: httpx2, which only those need who send files."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from jitney.batch.contract import USAGE, Stopped
from jitney.batch.options import BatchOptions
from jitney.batch.requests import Post, Unreachable
from jitney.client.sending import http

MARGIN = 30.0  # seconds: for a reply beyond the time that it may take


@contextlib.asynccontextmanager
async def connected(options: BatchOptions, connections: int) -> AsyncIterator[Post]:
    httpx2 = require_httpx2()
    url = options.url.rstrip("/")
    headers = {
        "Content-Type": "application/json",
        "Jitney-Lane": options.lane,
        "X-Request-Timeout": f"{options.timeout:g}",
    }
    timeout = httpx2.Timeout(options.timeout + MARGIN, connect=http.LONGEST_CONNECT, pool=None)
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    how = {"headers": headers, "timeout": timeout, "limits": limits, "trust_env": http.may_have_proxy(url)}
    async with httpx2.AsyncClient(**how) as client:

        async def post(address: str, body: bytes) -> tuple[int, Any, bytes]:
            try:
                reply = await client.post(url + address, content=body)
            except httpx2.RequestError as error:
                raise Unreachable(str(error) or type(error).__name__) from error
            except httpx2.InvalidURL as error:
                raise Stopped(USAGE, f"{url + address} cannot be read: {error}") from error
            return reply.status_code, reply.headers, reply.content

        yield post


def require_httpx2() -> Any:
    try:
        return http.require_httpx2()
    except http.NotInstalled as error:
        raise Stopped(USAGE, str(error)) from error
