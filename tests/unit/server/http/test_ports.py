"""The ports of a front end, and what is said of one that is taken."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from server.http.ports import PortTaken, listening, metrics_served
from server.settings import ServerSettings
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_of_a_variable_is_said_of_the_variable(taken_port):
    environ = {**os.environ, "JITNEY_PORT": str(taken_port)}

    ended = subprocess.run([sys.executable, "-m", "server"], env=environ, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 1
    assert ended.stderr.startswith("python -m server: port ") and ended.stderr.count("\n") == 1
    assert ended.stderr.endswith("choose another with JITNEY_PORT\n")


def test_listening_on_a_taken_port_names_the_flag(taken_port):
    said = f"port {taken_port} on 127.0.0.1 is taken: stop what listens there, or choose another with --port"

    with pytest.raises(PortTaken, match=said), listening(ServerSettings(port=taken_port)):
        pass


def test_a_port_that_somebody_is_about_to_listen_on_is_taken_too():
    with listening(ServerSettings(port=0)) as first:
        port = first.getsockname()[1]

        with pytest.raises(PortTaken), listening(ServerSettings(port=port)):
            pass


async def test_a_taken_metrics_port_names_the_flag(taken_port):
    async with running(metrics_port=taken_port) as jitney:
        with pytest.raises(PortTaken, match="--metrics-port"), metrics_served(jitney.front_end):
            pass


async def test_metrics_can_be_switched_off():
    async with running(metrics_port=0) as jitney:
        with metrics_served(jitney.front_end):
            pass


def test_an_address_of_somebody_else_names_the_flags():
    with pytest.raises(PortTaken, match="--host"), listening(ServerSettings(host="192.0.2.1", port=0)):
        pass


def test_several_front_ends_may_share_a_port():
    with listening(ServerSettings(port=0, reuse_port=True)) as first:
        port = first.getsockname()[1]

        with listening(ServerSettings(port=port, reuse_port=True)) as second:
            assert second.getsockname()[1] == port
