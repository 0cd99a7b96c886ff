"""How long a process may take between SIGTERM and its end: what Kubernetes and Compose must wait for."""

from __future__ import annotations

from collections.abc import Sequence

from batcher.settings import BatcherSettings
from server.http.uvicorn_server import GRACE
from server.settings import ServerSettings

LEAVING = 15  # seconds that a batcher has for its last outcomes when its batch is computed


def longest(settings: Sequence[object]) -> float:
    """Seconds, by the settings that a front end or batcher runs with."""
    for table in settings:
        if isinstance(table, ServerSettings):
            return table.drain_seconds + max(table.default_timeout, table.max_timeout) + GRACE
        if isinstance(table, BatcherSettings):
            return table.max_step + LEAVING
    raise ValueError("neither a front end nor a batcher")
