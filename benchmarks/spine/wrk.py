"""wrk, as the load that costs least: one thread, many connections, the same POST for ever."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MISSING = "wrk is not on PATH; it makes the load here. apt install wrk, or brew install wrk."
MARK = "summary "
# wrk's own text rounds and changes units; its `done` hook has the numbers. Lua 5.1 knows no JSON.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[%s]==]

function done(summary, latency, requests)
  local failed = summary.errors
  io.write(string.format('summary {"requests": %%d, "seconds": %%.6f, "refused": %%d, "broken": %%d, ' ..
    '"p50": %%.3f, "p99": %%.3f}\\n', summary.requests, summary.duration / 1e6, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3))
end
"""


class WrkFailed(Exception):
    """wrk is missing, or did not measure; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrkRun:
    """One run of wrk. It is a closed loop, and its latencies are those of a saturated server."""

    requests: int
    seconds: float
    refused: int  # answers with a status of 400 or more
    broken: int  # connect, read and write errors, and answers that took more than 2 s
    p50: float  # ms
    p99: float

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return (self.requests - self.refused) / self.seconds


def find() -> str:
    """Where wrk is. Raises `WrkFailed`."""
    path = shutil.which("wrk")
    if path is None:
        raise WrkFailed(MISSING)
    return path


def run(url: str, body: str, *, connections: int, seconds: int) -> WrkRun:
    """POST `body` for so many seconds over so many connections. Raises `WrkFailed`."""
    with tempfile.TemporaryDirectory(prefix="jitney-wrk-") as directory:
        script = Path(directory) / "post.lua"
        script.write_text(SCRIPT % body, "utf-8")
        command = [find(), "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
        except subprocess.TimeoutExpired as error:
            raise WrkFailed(f"wrk did not end within {error.timeout:g} s") from error
    return read(ended.stdout, ended.stderr)


def read(output: str, said: str = "") -> WrkRun:
    """What wrk printed. Raises `WrkFailed` when there is no summary in it."""
    for line in output.splitlines():
        if line.startswith(MARK):
            return WrkRun(**json.loads(line.removeprefix(MARK)))
    raise WrkFailed(f"wrk did not measure: {(said or output).strip()[-500:]}")
