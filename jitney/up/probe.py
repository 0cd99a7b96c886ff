"""Asks the running processes from outside, as their clients do."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from broker.admin.redis import connect_admin
from broker.embedded import ping
from broker.errors import BrokerError
from broker.settings import BrokerSettings, env_name
from jitney.up.plan import ChildSpec, Role

TIMEOUT = 2.0  # seconds; an answer that takes longer counts as none
LOOPBACK = "127.0.0.1"
MET_BROKER = b"\njitney_broker_up 1.0"  # on a front end's page: its tasks run and the broker answers them
WRITES = b"\njitney_history_writer_up 1.0"  # on the page of the history's writer
EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}  # where they listen → where we find them


class Probe:
    """Asks the port that the front ends share, each child's metrics port, and the broker."""

    def __init__(self, host: str, port: int, redis_url: str = "", *, has_keys: bool = False) -> None:
        """`has_keys`: front ends ask for keys, of which we have none."""
        self._host = EVERYWHERE.get(host, host)
        self._port = port
        self.redis_url = redis_url
        self.has_keys = has_keys

    @property
    def url(self) -> str:
        """Where clients on this machine find the front ends."""
        return address_url(self._host, self._port)

    def metrics_url(self, spec: ChildSpec) -> str:
        """Where Prometheus finds this child."""
        return address_url(*self._metrics_address(spec)) + "/metrics"

    async def is_ready(self, spec: ChildSpec) -> bool:
        """A broker that answers; a front end that takes requests; a batcher whose model can be called; a writer of the
        history that has met its database."""
        if spec.role is Role.BROKER:
            return await asyncio.to_thread(answers, self.redis_url)
        # Front ends share a port, so that only the metrics port tells one from another; and a killed batcher's model
        # counts as live until its last beat is too old, so that here too its own port must answer.
        page = await self._get(*self._metrics_address(spec), "/metrics")
        if page is None:
            return False
        if spec.role is Role.HISTORY:
            return WRITES in page
        if spec.role is Role.FRONT_END:
            return MET_BROKER in page
        return spec.model in [live["name"] for live in await self.live_models()]

    def _metrics_address(self, spec: ChildSpec) -> tuple[str, int]:
        """Host and port. A batcher answers on every interface, a front end where it listens."""
        return (self._host if spec.role is Role.FRONT_END else LOOPBACK), spec.metrics_port

    async def live_models(self) -> Sequence[Mapping[str, Any]]:
        """What `/v1/models` says of those that can be called now."""
        if await self._get(self._host, self._port, "/readyz") is None:  # it would be refused, with a line in the log
            return []
        if self.has_keys:
            return await asyncio.to_thread(announced, self.redis_url)
        body = await self._get(self._host, self._port, "/v1/models")
        listed = json.loads(body)["models"] if body is not None else []
        return [model for model in listed if model["status"] == "live"]

    async def _get(self, host: str, port: int, path: str) -> bytes | None:
        return await asyncio.to_thread(get, host, port, path)


def address_url(host: str, port: int) -> str:
    """`http://[::1]:9527`"""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def get(host: str, port: int, path: str) -> bytes | None:
    """The body of a 200; None for anything else."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read()
        return body if reply.status == 200 else None
    return None


def announced(redis_url: str) -> Sequence[Mapping[str, Any]]:
    """The models that this broker says live; none where it does not say it."""
    namespace = os.environ.get(env_name("namespace"), BrokerSettings().namespace)
    with contextlib.suppress(BrokerError), contextlib.closing(connect_admin(redis_url, namespace)) as broker:
        cards = [model.card for model in broker.overview().models if model.card is not None and model.batchers]
        return [{"name": card.name, "task": card.task, "languages": list(card.languages)} for card in cards]
    return []


def answers(redis_url: str) -> bool:
    """Whether this broker answers a PING."""
    with contextlib.suppress(redis.RedisError):
        ping(redis_url)
        return True
    return False
