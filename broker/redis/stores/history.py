"""The history's list as front ends and its writer see it, on Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.errors import BrokerFull
from broker.history.contract import MOST_BLOCKS, MOST_BYTES, Page, WriterBeat, refuse_large
from broker.keys import Keys
from broker.redis import scripts
from broker.redis.client import Client
from broker.redis.connection import check, make_client, translated

SOCKET_TIMEOUT = 2.0  # seconds


async def connect_history(url: str, namespace: str, writer: str) -> RedisHistory:
    """For the writer's one task. It connects on first use; `check` raises what it finds."""
    client = make_client(url, name=f"jitney-history-{writer}", socket_timeout=SOCKET_TIMEOUT)
    return RedisHistory(client, Keys(namespace))


class RedisHistory:
    """Keeps `HistoryAppender` and `HistoryQueue`."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client, self._keys = client, keys
        self._both = [keys.history, keys.history_state]

    async def check(self) -> None:
        """Raise `BrokerUnfit` for a server that would lose rows."""
        await check(self._client, self._keys.epoch)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def append_history(self, blocks: Sequence[bytes], dropped: int) -> int:
        refuse_large(blocks)
        try:
            taken = int(await scripts.HISTORY_APPEND.run(self._client, self._both, [MOST_BLOCKS, MOST_BYTES, *blocks]))
        except BrokerFull:
            taken = 0
        if dropped:  # not before: a trip that fails is made again, and brings them again
            await scripts.HISTORY_DROPPED.run(self._client, [self._keys.history_state], [dropped])
        return taken

    async def history_page(self, most: int) -> Page:
        # In this order: what is trimmed between the two makes `trimmed` too old, and whoever brings it back trims
        # nothing.
        state, history = self._keys.history_state, self._keys.history
        with translated():
            trimmed, blocks = await self._client.ask(
                ("HGET", state, "trimmed"), ("LRANGE", history, 0, max(1, most) - 1)
            )
        return Page(blocks=blocks, trimmed=_number(trimmed))

    async def trim_history(self, trimmed: int, blocks: int) -> bool:
        return bool(await scripts.HISTORY_TRIM.run(self._client, self._both, [trimmed, blocks]))

    async def beat_history(self, beat: WriterBeat) -> None:
        fields = {"writer": beat.writer, "database": beat.database, "written": beat.written, "error": beat.error}
        said = [word for field in fields.items() for word in field]
        await scripts.HISTORY_BEAT.run(self._client, [self._keys.history_state], said)


def _number(text: Any) -> int:
    """As the scripts read it."""
    return int(text) if text and text.isdigit() else 0
