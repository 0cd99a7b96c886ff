"""A PostgreSQL that a test may stop, kill and start again; Debian's, in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from broker.common.parent_death import parent_death_guard
from tests.waiting import until

NEEDED = "no PostgreSQL here: apt-get install postgresql"
QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@cache
def binaries() -> Path | None:
    """The newest of Debian's, or those on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def somebody() -> dict[str, Any]:
    """Root may not run it."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


class Postgres:
    """One server, on a socket in its directory."""

    def __init__(self, directory: Path, bin: Path) -> None:
        self._directory, self._bin = directory, bin
        self._process: subprocess.Popen[bytes] | None = None
        self._guards = contextlib.ExitStack()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://jitney@/{database}?host={self._directory}"

    def create(self) -> None:
        """Its files."""
        data = ["-D", str(self._directory / "data")]
        how = ["-A", "trust", "-U", "jitney", "--no-sync", "--locale=C.UTF-8"]
        subprocess.run([self._bin / "initdb", *how, *data], check=True, cwd="/", **QUIET, **somebody())

    def start(self) -> None:
        """With whatever it held."""
        options = ["-D", str(self._directory / "data"), "-k", str(self._directory)]
        command = [self._bin / "postgres", *options, "-c", "listen_addresses=", "-c", "fsync=off"]
        self._process = subprocess.Popen(command, cwd="/", start_new_session=True, **QUIET, **somebody())
        self._guards.enter_context(parent_death_guard(self._process.pid))
        until(self.answers, "PostgreSQL answers", within=30.0)

    def answers(self) -> bool:
        asked = [self._bin / "pg_isready", "-h", str(self._directory), "-t", "2"]
        return subprocess.run(asked, check=False, cwd="/", **QUIET).returncode == 0

    def kill(self) -> None:
        """SIGKILL for all its processes, as when the machine loses power; and wait."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """At once, in order: SIGINT."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP for all of it: the kernel still takes connections."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            for pid in [self._process.pid, *_children(self._process.pid)]:  # each leads a session of its own
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._signal(number)
            self._process.wait()
            self._process = None
            self._guards.close()

    def sql(self, text: str, database: str = "postgres") -> str:
        """What psql says to it: rows without heads, columns by |."""
        said = [self._bin / "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", text]
        return subprocess.run(said, check=True, cwd="/", capture_output=True, text=True).stdout.strip()


def _children(pid: int) -> list[int]:
    asked = ["ps", "--ppid", str(pid), "-o", "pid="]
    return [int(pid) for pid in subprocess.run(asked, check=False, capture_output=True, text=True).stdout.split()]


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """One that answers, gone with the block. Skips the test where there is none."""
    bin = binaries()
    if bin is None or (os.geteuid() == 0 and not _has_user()):
        pytest.skip(NEEDED)
    with tempfile.TemporaryDirectory(prefix="jitney-pg-") as directory:
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
            os.chmod(directory, 0o711)
        server = Postgres(Path(directory), bin)
        server.create()
        try:
            server.start()
            yield server
        finally:
            server.resume()
            server.kill()


def _has_user() -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam("postgres"))
    return False
