"""The broker of the manifests, started with its own arguments."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from broker.admin.rights import Role
from broker.common.free_port import free_port
from tests.contract.servers import find_valkey
from tests.contract.users import SHIPPED, url_as
from tests.manifests import render
from tests.waiting import until


@contextlib.contextmanager
def valkey(auth: Path, data: Path) -> Iterator[str]:
    """Its address."""
    binary = find_valkey()
    if binary is None:
        pytest.skip("no valkey-server on this machine")
    (container,) = render("gpu").containers("jitney-valkey")
    there = {"valkey-server": binary, "/run/secrets/jitney/auth.conf": str(auth), "/data": str(data)}
    port = free_port()
    words = [there.get(word, word) for word in [*container["command"], *container["args"]]]
    with subprocess.Popen([*words, "--port", str(port), "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL) as process:
        try:
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()


def lets_in(url: str) -> bool:
    with redis.Redis.from_url(url, socket_timeout=5.0) as client, contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


def test_the_file_of_users_in_auth_conf_lets_each_side_in_and_nobody_else(tmp_path):
    auth = tmp_path / "auth.conf"
    auth.write_bytes(SHIPPED.read_bytes())

    with valkey(auth, tmp_path) as url:
        until(lambda: lets_in(url_as(Role.FRONT_END, url)), "front ends are let in")

        assert all(lets_in(url_as(role, url)) for role in (Role.BATCHER, Role.OPERATOR, Role.WRITER))
        assert not lets_in(url)
