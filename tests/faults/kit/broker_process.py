"""A broker that can be killed, paused and started again on its port, with its data or without."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.common.free_port import free_port
from broker.common.parent_death import parent_death_guard
from broker.embedded import Binary, Server, command, first_binary, private_directory
from tests.waiting import until

DURABLE = ("--appendonly", "yes", "--appendfsync", "everysec")
NO_VARIABLES: dict[str, str] = {"PATH": os.environ.get("PATH", "")}


class BrokerProcess:
    """`options` come last on its command line; `DURABLE` lets it keep its data over a kill."""

    def __init__(self, binary: Binary, directory: Path, options: Sequence[str]) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.kind = binary.kind
        self._directory = directory
        self._command = command(binary, directory, port=self.port, options=options)
        self._guards = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> Server:
        """As `stack(broker=…)` wants it."""
        return Server(url=self.url, kind=self.kind)

    def client(self) -> redis.Redis:
        """A plain client, to look behind the broker's back."""
        return redis.Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), socket_timeout=5.0)

    def start(self, *, wait: bool = True) -> None:
        """On the same port, with whatever data lies there."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._guards.enter_context(parent_death_guard(self._process.pid))
        if wait:
            until(self.answers, "the broker answers", within=15.0)

    def answers(self) -> bool:
        """It takes commands, so its data is loaded."""
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def kill(self) -> None:
        """SIGKILL, and wait. One that stands still answers nobody any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._guards.close()

    def wipe(self) -> None:
        """Removes its data. Between `kill` and `start`."""
        for path in self._directory.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def restart(self, *, keep_data: bool) -> None:
        """kill -9, then start on the same port."""
        self.kill()
        if not keep_data:
            self.wipe()
        self.start()

    def pause(self) -> None:
        """SIGSTOP, and wait until it stands: a loaded machine lets it answer for a while. The kernel still takes
        connections for it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def broker_process(*options: str, binary: Binary | None = None, start: bool = True) -> Iterator[BrokerProcess]:
    """A broker that answers (unless `start` is False), gone with the block."""
    with private_directory() as directory:
        made = BrokerProcess(binary or first_binary(NO_VARIABLES), directory, options)
        try:
            if start:
                made.start()
            yield made
        finally:
            made.kill()
