"""One child process of an integration test, and one HTTP request to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back over HTTP; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Process:
    """One child, and what it said."""

    title: str
    popen: subprocess.Popen[bytes]
    output: Path
    metrics_port: int

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self.popen.poll()

    def stderr(self) -> str:
        """Everything it wrote so far, stdout included."""
        return self.output.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL, and wait: on return it is gone."""
        self.popen.kill()
        self.popen.wait()

    def stop(self, timeout: float = 20.0) -> int:
        """SIGTERM, and wait up to `timeout` seconds for a clean end. Its exit code."""
        self.popen.terminate()
        return self.wait(timeout)

    def wait(self, timeout: float = 20.0) -> int:
        """Its exit code. Fails with its output when it does not end in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.popen.wait(timeout)
        raise AssertionError(f"{self.title} did not end within {timeout} s:\n{self.stderr()}")

    def pause(self) -> None:
        """SIGSTOP: it hangs, and the kernel still takes connections for it."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def metrics(self) -> str:
        """Its Prometheus page."""
        return request("GET", self.metrics_port, "/metrics").body.decode()


@dataclass(slots=True, kw_only=True)
class FrontEnd(Process):
    """A child that listens."""

    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None, timeout: float = 30.0) -> Reply:
        """`body` as it is when bytes, else as JSON. `headers` come on top of the JSON content type."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return request("POST", self.port, path, data, {**JSON, **(headers or {})}, timeout)

    def get(self, path: str, headers: Mapping[str, str] | None = None, timeout: float = 10.0) -> Reply:
        """One GET."""
        return request("GET", self.port, path, None, headers, timeout)

    def waiting(self) -> int:
        """Requests that wait for their outcomes."""
        rows = [line for line in self.metrics().splitlines() if line.startswith("jitney_requests_waiting ")]
        return int(float(rows[0].rsplit(" ", 1)[1]))

    def is_ready(self) -> bool:
        """Whether it takes requests. Its metrics say so too, because another one may answer on a shared port."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/readyz", timeout=2.0).status == 200 and "\njitney_broker_up 1.0" in self.metrics()
        return False


def request(
    method: str,
    port: int,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Reply:
    """One HTTP request on a connection of its own. Raises `OSError` or `http.client.HTTPException`."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(headers or {}))
        reply = connection.getresponse()
        named = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(status=reply.status, headers=named, body=reply.read())


def clean_environ() -> dict[str, str]:
    """Ours without any setting of Jitney's but those in `WITH`; one thread a library, and no network."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JITNEY_")}
    calm = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    named = dict(pair.split("=", 1) for pair in os.environ.get("WITH", "").split())
    return {**kept, **calm, **named, "PYTHONPATH": str(ROOT)}


def variables(settings: Mapping[str, object]) -> dict[str, str]:
    """`{"max_wait": 0.005}` → `{"JITNEY_MAX_WAIT": "0.005"}`; names in capitals stay."""
    return {name if name.isupper() else f"JITNEY_{name.upper()}": str(value) for name, value in settings.items()}
