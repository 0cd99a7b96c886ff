"""A running `jitney up`: what it says, and the processes that it started."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.integration.processes import ROOT, Reply, clean_environ, request

READY = "end      Ctrl-C"  # the greeting's last line
LIMIT = 30.0  # seconds


@dataclass(slots=True, kw_only=True)
class Up:
    """One of them."""

    popen: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        give_up = time.monotonic() + LIMIT
        while not holds():
            assert time.monotonic() < give_up, f"waited in vain until {what}:\n{self.said()}"
            time.sleep(0.05)

    def says(self, word: str, times: int = 1) -> None:
        """Wait for it."""
        self.until(lambda: self.said().count(word) >= times, f"it says {word!r}")

    def call_as_shown(self, at: int = 0) -> Reply:
        """What the line to paste would do: the first, or the one at this place."""
        line = [line for line in self.said().splitlines() if "curl -s" in line][at]
        words = shlex.split(line[line.index("curl") :])
        address, header, body = urlsplit(words[2]), words[4], words[-1]
        name, _, value = header.partition(": ")
        return request("POST", address.port or 0, address.path, body.encode(), {name: value}, timeout=LIMIT)

    def metrics(self, title: str) -> str:
        """The page of this child."""
        line = next(line for line in self.said().splitlines() if line.endswith(f"({title})"))
        address = urlsplit(line.split()[-1 - len(title.split())])
        return request("GET", address.port or 0, address.path).body.decode()

    def children(self) -> dict[int, str]:
        """Process id → command line, guards included."""
        wanted = ["ps", "-A", "-ww", "-o", "pid=", "-o", "ppid=", "-o", "args="]
        rows = subprocess.run(wanted, capture_output=True, text=True, check=True).stdout
        split = (row.split(None, 2) for row in rows.splitlines())
        return {int(pid): command for pid, parent, command in split if int(parent) == self.popen.pid}

    def child(self, word: str) -> int:
        """The one whose command line holds this word."""
        return next(pid for pid, command in self.children().items() if word in command)

    def ends(self) -> int:
        """Its exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.popen.wait(LIMIT)
        raise AssertionError(f"it did not end:\n{self.said()}")


@contextlib.contextmanager
def running_up(*arguments: str, output: Path, here: Path = ROOT, **environ: str) -> Iterator[Up]:
    """`jitney up` with these arguments in the directory `here`, on a free port unless they name one."""
    with output.open("wb") as sink:
        popen = subprocess.Popen(
            [sys.executable, "-m", "jitney", "up", "--port", "0", *arguments],
            env=clean_environ() | environ,
            cwd=here,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Up(popen=popen, output=output)
    finally:
        popen.kill()
        popen.wait()
