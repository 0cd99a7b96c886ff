"""Two defaults of redis-py 8 that break a queue, kept shut by our connection factory."""

from __future__ import annotations

import asyncio
import signal

import pytest

from broker.redis.connection import make_client, make_sync_client
from tests.contract.servers import running

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
PAUSE = 0.6  # seconds; longer than the socket timeout, shorter than redis-py's own retries
PATIENCE = 0.2  # seconds


async def test_one_push_during_a_pause_of_the_server_pushes_once(binary: str) -> None:
    with running(binary) as server:
        client = make_client(server.url, name="test", socket_timeout=PATIENCE)
        await client.ping()
        server.process.send_signal(signal.SIGSTOP)

        with pytest.raises(Exception, match="Timeout"):
            await client.lpush("list", "once")

        await asyncio.sleep(PAUSE - PATIENCE)
        server.process.send_signal(signal.SIGCONT)
        await client.aclose()
        with server.client() as reader:
            assert reader.llen("list") == 1


async def test_one_push_of_a_thread_during_a_pause_pushes_once(binary: str) -> None:
    with running(binary) as server:
        client = make_sync_client(server.url, name="test", socket_timeout=PATIENCE)
        client.ping()
        server.process.send_signal(signal.SIGSTOP)

        with pytest.raises(Exception, match="Timeout"):
            await asyncio.to_thread(client.lpush, "list", "once")

        await asyncio.sleep(PAUSE - PATIENCE)
        server.process.send_signal(signal.SIGCONT)
        client.close()
        with server.client() as reader:
            assert reader.llen("list") == 1


async def test_a_pooled_connection_with_an_unread_reply_never_serves_another_caller(binary: str) -> None:
    with running(binary) as server:
        client = make_client(server.url, name="test", socket_timeout=1.0)
        await client.set("other", "stale")
        pool = client.connection_pool
        connection = await pool.get_connection()
        await connection.send_command("GET", "other")
        await asyncio.sleep(0.05)  # the reply is in the socket now, and nobody reads it
        await pool.release(connection)

        answer = await client.get("nobody set this")

        assert answer is None
        await client.aclose()
