"""`jitney batch` as a process of its own, over a file of forty rows, and what it made of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.batch.counting_server import Counted
from tests.integration.processes import ROOT, clean_environ

LIMIT = 50.0  # seconds
WINDOW = 8


def arguments(source: Path | str, url: str, *more: str, out: str = "", endpoint: str = "/models/any") -> list[str]:
    target = out or str(Path(source).with_name("out" + Path(source).suffix))
    narrow = ["--window", str(WINDOW), "--rows-per-request", "2"]
    command = [sys.executable, "-m", "jitney", "batch", str(source), "-o", target]
    return [*command, *(["--endpoint", endpoint] if endpoint else []), "--url", url, *narrow, *more]


def batch(
    source: Path | str, url: str, *more: str, said: bytes | None = None, **how: Any
) -> subprocess.CompletedProcess[bytes]:
    wanted = arguments(source, url, *more, **how)
    return subprocess.run(wanted, env=clean_environ(), cwd=ROOT, input=said, capture_output=True, timeout=LIMIT)


def begun(source: Path, url: str, *more: str, **how: Any) -> subprocess.Popen[bytes]:
    wanted = arguments(source, url, *more, **how)
    return subprocess.Popen(wanted, env=clean_environ(), cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def uppercase(count: int = 40) -> list[Any]:
    return [{"id": f"r{at}", "text": f"TEXT {at}"} for at in range(count)]


def stopping_at(server: Counted, request: int, then: Callable[[], None]) -> None:
    """From this request on nobody is answered; `then` is called once."""
    reached = threading.Event()
    released = threading.Event()

    def refuse(texts: list[str], before: int) -> None:
        if before == request and not reached.is_set():
            reached.set()
            then()
            released.set()
        return None

    server.refuse = refuse


def signalled(
    server: Counted, request: int, number: signal.Signals, source: Path, *more: str, **how: Any
) -> tuple[int, bytes]:
    """A batch that gets this signal when the server gets that request: its exit status, and what it said."""
    process: list[subprocess.Popen[bytes]] = []
    ready = threading.Event()

    def send() -> None:
        ready.wait(LIMIT)
        process[0].send_signal(number)
        process[0].wait(LIMIT)

    stopping_at(server, request, send)
    process.append(begun(source, server.url, *more, **how))
    ready.set()
    _, said = process[0].communicate(timeout=LIMIT)
    return process[0].returncode, said
