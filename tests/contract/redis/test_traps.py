"""Two defaults of redis-py 8 that break a queue, kept shut by our connection factory."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Awaitable, Callable

import pytest
import redis

from broker.redis.connection import make_client, make_sync_client
from tests.contract.servers import Server, running

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
PATIENCE = 0.3  # seconds; our socket timeout
PAUSE = 0.8  # seconds; redis-py's own retries would go on for longer


async def pushed_during_a_pause(server: Server, push: Callable[[], Awaitable[object]]) -> int:
    """How long a list is after one push to a server that stood still meanwhile."""
    server.process.send_signal(signal.SIGSTOP)
    pause = asyncio.create_task(asyncio.sleep(PAUSE))
    pause.add_done_callback(lambda _: server.process.send_signal(signal.SIGCONT))
    with pytest.raises(redis.TimeoutError):
        await push()
    await pause
    with server.client() as reader:
        return int(reader.llen("list"))


async def test_one_push_during_a_pause_of_the_server_pushes_once(binary: str) -> None:
    with running(binary) as server:
        async with make_client(server.url, name="test", socket_timeout=PATIENCE) as client:
            await client.ping()

            length = await pushed_during_a_pause(server, lambda: client.lpush("list", "once"))

        assert length == 1


async def test_one_push_of_a_thread_during_a_pause_pushes_once(binary: str) -> None:
    with running(binary) as server:
        with make_sync_client(server.url, name="test", socket_timeout=PATIENCE) as client:
            client.ping()

            length = await pushed_during_a_pause(server, lambda: asyncio.to_thread(client.lpush, "list", "once"))

        assert length == 1


async def test_no_client_asks_again_by_itself(kind: str) -> None:
    patient, threaded = [
        make(f"redis://{kind}", name="test", socket_timeout=1.0) for make in (make_client, make_sync_client)
    ]

    policies = [client.connection_pool.make_connection().retry for client in (patient, threaded)]

    assert [policy.get_retries() for policy in policies] == [0, 0]
    assert [inspect.iscoroutinefunction(policy.call_with_retry) for policy in policies] == [True, False]


async def test_an_answer_whose_caller_has_gone_reaches_no_other_caller(binary: str) -> None:
    with running(binary) as server, server.client() as other:
        async with make_client(server.url, name="test", socket_timeout=1.0) as client:
            gone = asyncio.create_task(client.trip(("BLPOP", "list", 5.0)))
            await until_blocked(other)
            gone.cancel()
            other.rpush("list", "another caller's")

            answers = await client.trip(("GET", "nobody set this"))

        assert answers == [None]


async def until_blocked(server: redis.Redis) -> None:
    """Until somebody waits for what is not there."""
    while not server.info("clients")["blocked_clients"]:
        await asyncio.sleep(0.001)
