"""Who is taken from those that wait at the port, and when."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from contextlib import asynccontextmanager

import pytest
import structlog

from server.http.listener import A_TURN, Listener

pytestmark = pytest.mark.anyio

PATIENCE = 20.0  # seconds: a busy machine is no failure


class Noted(asyncio.Protocol):
    """Notes who it belongs to, once it is told."""

    def __init__(self, met):
        self._met = met

    def connection_made(self, transport):
        self._met.append(transport.get_extra_info("peername"))
        transport.close()


class FullTable:
    """A socket whose first `accept` finds no descriptor left."""

    def __init__(self, listening):
        self._listening = listening
        self.is_full = True

    def accept(self):
        if self.is_full:
            self.is_full = False
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self._listening.accept()

    def __getattr__(self, name):
        return getattr(self._listening, name)


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0), backlog=3 * A_TURN) as listening:
        yield listening


@pytest.fixture
def connect(port):
    clients = []

    def connected():
        clients.append(socket.create_connection(port.getsockname(), timeout=PATIENCE))
        return clients[-1].getsockname()

    yield connected
    for client in clients:
        client.close()


@asynccontextmanager
async def listening(to, met, **options):
    listener = Listener(to, lambda: Noted(met), **options)
    try:
        yield listener
    finally:
        await listener.close()


async def until(count, met):
    async with asyncio.timeout(PATIENCE):
        while len(met) < count:
            await asyncio.sleep(0)


async def test_many_are_taken_in_one_turn_but_not_all_at_once(port, connect):
    clients, met = [connect() for _ in range(A_TURN + 5)], []

    async with listening(port, met):
        await until(1, met)
        at_once = len(met)
        await until(len(clients), met)

    assert at_once == A_TURN


async def test_who_came_first_is_taken_first(port, connect):
    clients, met = [connect() for _ in range(A_TURN + 5)], []

    async with listening(port, met):
        await until(len(clients), met)

    assert met == clients


async def test_who_was_taken_is_told_to_its_protocol_before_the_end(port, connect):
    client, met = connect(), []

    listener = Listener(port, lambda: Noted(met))
    listener._take()
    await listener.close()

    assert met == [client]


async def test_nobody_is_taken_after_the_end(port, connect):
    met = []
    listener = Listener(port, lambda: Noted(met))

    await listener.close()
    connect()
    for _ in range(5):
        await asyncio.sleep(0)

    assert met == []


async def test_who_finds_no_descriptor_free_is_taken_later(port, connect):
    client, met = connect(), []

    with structlog.testing.capture_logs() as lines:
        async with listening(FullTable(port), met, pause=0.0):
            await until(1, met)

    assert met == [client]
    assert [line["event"] for line in lines] == ["no room for a connection"]


async def test_a_listener_that_rests_ends_for_good(port, connect):
    connect()
    met, full = [], FullTable(port)

    async with listening(full, met, pause=0.0) as listener:
        while full.is_full:
            await asyncio.sleep(0)
        await listener.close()
        for _ in range(5):
            await asyncio.sleep(0)

    assert met == []
