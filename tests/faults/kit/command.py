"""The command line as an operator runs it: a process of its own, its two outputs and its exit code."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.processes import ROOT, clean_environ
from tests.waiting import until

LIMIT = 30.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err

    def json(self) -> Any:
        return json.loads(self.out)


def jitney(*arguments: str, url: str, environ: Mapping[str, str] | None = None, typed: str = "") -> Said:
    """`jitney …` against the broker at `url`, to its end; `typed` is what a person answers."""
    done = subprocess.run(
        [sys.executable, "-m", "jitney", *arguments],
        env={**clean_environ(), "JITNEY_REDIS_URL": url, **(environ or {})},
        cwd=ROOT,
        input=typed,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


class Watching:
    """A `jitney status --watch --json` that runs."""

    def __init__(self, output: Path, popen: subprocess.Popen[bytes]) -> None:
        self._output, self._popen = output, popen

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def looks(self) -> list[Any]:
        """What it has seen so far, one entry a look."""
        lines = self._output.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def sees(self, what: str, after: int = 0, within: float = LIMIT) -> float:
        """Wait for a look that has the field `what`, later than the first `after` looks; how long that took."""
        return until(lambda: any(what in look for look in self.looks()[after:]), f"a look has {what}", within=within)


@contextlib.contextmanager
def watching(url: str, directory: Path) -> Iterator[Watching]:
    """Looks five times a second for the length of the block."""
    output = directory / "watch"
    with output.open("wb") as sink:
        popen = subprocess.Popen(
            [sys.executable, "-m", "jitney", "status", "--watch", "0.2", "--json"],
            env={**clean_environ(), "JITNEY_REDIS_URL": url},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Watching(output, popen)
    finally:
        popen.kill()
        popen.wait()
