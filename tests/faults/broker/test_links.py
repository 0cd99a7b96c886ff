"""The broker's faces on uvloop, as every process runs them, when a connection breaks under them."""

from __future__ import annotations

import asyncio

import pytest
import redis
import uvloop

from broker.errors import BrokerUnavailable
from broker.redis import connect_front_end
from broker.redis.connection import make_client
from tests.faults.kit.broker_process import broker_process
from tests.faults.kit.proxy import proxy_to


def test_a_connection_that_was_reset_a_moment_ago_is_an_outage_and_the_next_one_is_well() -> None:
    async def scenario() -> None:
        face = await connect_front_end(proxy.url, "default", "f" * 16)
        await face.look()

        proxy.reset()

        with pytest.raises(BrokerUnavailable):
            await face.look()
        assert (await face.look()).epoch
        await face.aclose()

    with broker_process() as broker, proxy_to(broker.url) as proxy:
        uvloop.run(scenario())


def test_a_connection_that_was_reset_while_idle_is_replaced_and_nobody_notices() -> None:
    async def scenario() -> None:
        face = await connect_front_end(proxy.url, "default", "f" * 16)
        await face.look()

        proxy.reset()
        await asyncio.sleep(0.1)

        assert (await face.look()).epoch
        await face.aclose()

    with broker_process() as broker, proxy_to(broker.url) as proxy:
        uvloop.run(scenario())


def test_a_connection_that_went_dead_takes_its_idle_neighbours_with_it() -> None:
    async def scenario() -> None:
        async with make_client(proxy.url, name="test", socket_timeout=0.5) as client:
            await asyncio.gather(client.ping(), client.ping())

            with proxy.half_open() as connections, pytest.raises(redis.TimeoutError):
                await client.ping()

            assert connections == 2
            assert await asyncio.gather(client.ping(), client.ping()) == [True, True]

    with broker_process() as broker, proxy_to(broker.url) as proxy:
        uvloop.run(scenario())


@pytest.mark.parametrize("fault", ["cut", "black_hole"])
def test_a_link_that_is_gone_is_an_outage_for_as_long_as_it_lasts(fault: str) -> None:
    async def scenario() -> None:
        face = await connect_front_end(proxy.url, "default", "f" * 16)
        await face.look()

        with getattr(proxy, fault)():
            for _ in range(2):  # on the old connection, and on a new one
                with pytest.raises(BrokerUnavailable):
                    await face.look()

        assert (await face.look()).epoch
        await face.aclose()

    with broker_process() as broker, proxy_to(broker.url) as proxy:
        uvloop.run(scenario())


def test_the_reply_that_is_lost_is_the_one_that_was_named_and_its_command_was_obeyed() -> None:
    async def scenario() -> None:
        async with make_client(proxy.url, name="test", socket_timeout=2.0) as client:
            with proxy.drop_reply(b"INCR", nth=2):
                assert await client.incr("count") == 1
                with pytest.raises(redis.ConnectionError):
                    await client.incr("count")

            assert await client.get("count") == b"2"

    with broker_process() as broker, proxy_to(broker.url) as proxy:
        uvloop.run(scenario())
