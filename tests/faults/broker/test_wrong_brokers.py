"""What answers at the broker's address and cannot be used: all who meet it say what it is and what helps."""

from __future__ import annotations

import contextlib
import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import redis

from broker.common.free_port import free_port
from broker.common.parent_death import parent_death_guard
from broker.embedded import Server, binaries
from tests.contract.servers import running
from tests.faults.kit.broker_process import NO_VARIABLES
from tests.faults.kit.command import jitney
from tests.integration.stack import stack
from tests.waiting import until

SPEC = "synthetic:1ms+0ms"
HALF = 8192  # of a cluster's slots; the one of the default namespace is in the lower half


def binary() -> str:
    return str(next(binaries(NO_VARIABLES)).path)


def port_of(server: object) -> int:
    return int(str(server).rpartition(":")[2])


def dial(port: int) -> redis.Redis:
    return redis.Redis(port=port, socket_timeout=5.0)


@contextlib.contextmanager
def a_sentinel(directory: Path) -> Iterator[tuple[int, str]]:
    port, conf = free_port(), directory / "sentinel.conf"
    with running(binary(), tcp=True) as primary:
        conf.write_text(f"sentinel monitor main 127.0.0.1 {port_of(primary.url)} 1\n")
        command = [
            binary(),
            str(conf),
            "--sentinel",
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(directory),
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process, parent_death_guard(process.pid):
            until(lambda: _answers(port), "the sentinel answers")
            yield port, f"name the primary it watches, 127.0.0.1:{port_of(primary.url)}"
            process.kill()


def _answers(port: int) -> bool:
    with contextlib.suppress(redis.RedisError), dial(port) as client:
        return bool(client.ping())
    return False


@contextlib.contextmanager
def a_replica(directory: Path) -> Iterator[tuple[int, str]]:
    with running(binary(), tcp=True) as primary:
        of = str(port_of(primary.url))
        with running(binary(), "--replicaof", "127.0.0.1", of, tcp=True) as replica:
            yield port_of(replica.url), "primary"


@contextlib.contextmanager
def a_node_without_slots(directory: Path) -> Iterator[tuple[int, str]]:
    with node() as (port, _):
        yield port, "CLUSTER INFO says what is missing"


@contextlib.contextmanager
def the_wrong_node(directory: Path) -> Iterator[tuple[int, str]]:
    with node() as (lower, bus), node() as (upper, _), dial(lower) as low, dial(upper) as up:
        low.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, HALF - 1)
        up.execute_command("CLUSTER", "ADDSLOTSRANGE", HALF, 2 * HALF - 1)
        up.execute_command("CLUSTER", "MEET", "127.0.0.1", lower, bus)
        is_whole = lambda: b"cluster_state:ok" in up.execute_command("CLUSTER", "INFO", NEVER_DECODE="")  # noqa: E731
        until(is_whole, "the cluster is whole", within=15.0)
        yield upper, f"name that one: 127.0.0.1:{lower}"


@contextlib.contextmanager
def node() -> Iterator[tuple[int, int]]:
    """Of a cluster: its port, and the one for other nodes."""
    bus = free_port()
    with running(binary(), "--cluster-enabled", "yes", "--cluster-port", str(bus), tcp=True) as made:
        yield port_of(made.url), bus


class Silent(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Not a word."""


@contextlib.contextmanager
def a_web_server(directory: Path) -> Iterator[tuple[int, str]]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made.server_address[1], "correct host and port in JITNEY_REDIS_URL"
        finally:
            made.shutdown()
            thread.join()


@pytest.mark.parametrize("broker", [a_sentinel, a_replica, a_node_without_slots, the_wrong_node, a_web_server])
def test_what_is_no_broker_for_us_is_told_by_all_with_its_remedy(
    broker: Callable[[Path], AbstractContextManager[tuple[int, str]]], tmp_path: Path
) -> None:
    with broker(tmp_path) as (port, remedy):
        url = f"redis://127.0.0.1:{port}/0"
        with stack([], 0, broker=Server(url=url, kind="?")) as system:
            front_end = system.start_front_end(wait=False)
            batcher = system.start_batcher(SPEC, wait=False)
            for child in (front_end, batcher):
                until(lambda one=child: remedy in one.stderr(), f"{child.title} says {remedy}", within=20.0)
            said = [jitney(command, url=url) for command in ("status", "doctor")]
            logged = front_end.stderr()

    assert all(remedy in one.all for one in said), said
    assert said[1].code == 1
    assert all("Traceback" not in one.all for one in said)
    assert logged.count(remedy) < 20  # told seldom, however long it lasts
