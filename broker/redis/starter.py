"""Says that a staged batch starts, on Redis: before its first forward, and without waiting for the answer."""

from __future__ import annotations

from typing import Any

import structlog

from broker.errors import BrokerError
from broker.keys import Keys
from broker.redis.connection import make_sync_client, translated

log = structlog.get_logger("broker")


def connect_starter(url: str, namespace: str) -> RedisStarter:
    """For the model thread alone. It connects on first use."""
    client = make_sync_client(url, name="jitney-starter", socket_timeout=0.5)
    return RedisStarter(client.connection_pool.make_connection(), Keys(namespace))


class RedisStarter:
    """One connection, at most one answer unread.

    What was written reaches the server even if this process is dead a microsecond later. So a poison that kills at once
    is counted, and the card need not wait for a trip.
    """

    def __init__(self, connection: Any, keys: Keys) -> None:
        self._connection, self._keys = connection, keys
        self._is_unread = False

    def start(self, batch: str) -> None:
        """The batch runs from now on. A broker that is away is no reason not to compute it."""
        try:
            with translated():
                self._write(batch)
        except BrokerError as error:
            self._is_unread = False
            self.close()
            log.warning("start not told", batch=batch, error=str(error))

    def _write(self, batch: str) -> None:
        connection = self._connection
        if self._is_unread:
            connection.read_response()  # of the batch before: it has been there for long
        connection.send_command("HDEL", self._keys.lease(batch), "staged")
        self._is_unread = True

    def close(self) -> None:
        self._connection.disconnect()
