"""How a front end ends at a signal."""

from __future__ import annotations

import asyncio
import socket

import pytest

from broker.errors import BrokerUnfit
from server.http.uvicorn_server import Server, uvicorn_config
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio

PATIENCE = 20.0  # seconds: a busy machine is no failure


def make_server(jitney):
    return Server(uvicorn_config(jitney.app, jitney.front_end.settings), jitney.front_end)


async def says_hello(scope, receive, send):
    """The smallest application that starts and ends."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{step}"
            await send({"type": f"lifespan.{step}.complete"})


async def test_sigterm_makes_unready_and_leaves_the_port_open_for_a_while():
    async with running(drain_seconds=60.0) as jitney:
        server = make_server(jitney)

        server.drain()

        assert (jitney.front_end.is_draining, server.should_exit) == (True, False)


async def test_the_port_closes_when_the_draining_is_over_and_what_waits_is_finished():
    async with running(drain_seconds=0.0) as jitney:
        server = make_server(jitney)

        server.drain()
        await jitney.until(lambda: server.should_exit)

        assert not server.force_exit


async def test_a_second_sigterm_closes_the_port_at_once():
    async with running(drain_seconds=60.0) as jitney:
        server = make_server(jitney)

        server.drain()
        server.drain()

        assert (server.should_exit, server.force_exit) == (True, False)


async def test_who_says_stop_twice_does_not_wait_for_anybody():
    async with running() as jitney:
        server = make_server(jitney)

        server.stop()
        server.stop()

        assert server.force_exit


async def test_the_end_of_the_draining_does_not_hurry_those_who_still_wait():
    async with running(drain_seconds=0.0) as jitney:
        server = make_server(jitney)

        server.drain()
        server.drain()
        for _ in range(3):
            await asyncio.sleep(0)

        assert not server.force_exit


async def test_the_first_reason_to_give_up_is_the_one_that_is_told():
    async with running() as jitney:
        server = make_server(jitney)

        server.give_up(BrokerUnfit("first"))
        server.give_up(BrokerUnfit("second"))

        assert (str(server.reason), server.should_exit) == ("first", True)


async def test_a_connection_that_is_taken_at_the_very_end_is_closed_with_the_others():
    async with running() as jitney:
        server = Server(uvicorn_config(says_hello, jitney.front_end.settings), jitney.front_end)
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        with socket.create_server(("127.0.0.1", 0)) as port:
            await server.startup(sockets=[port])
            with socket.create_connection(port.getsockname(), timeout=PATIENCE) as client:
                server._listeners[0]._take()
                async with asyncio.timeout(PATIENCE):
                    await server.shutdown(sockets=[port])

                assert await asyncio.to_thread(client.recv, 1) == b""
