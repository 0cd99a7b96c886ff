"""A real Prometheus on loopback, for tests: it scrapes each second what it is told to."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.common.free_port import free_port
from broker.common.parent_death import parent_death_guard
from tests.waiting import until

PROGRAM = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(PROGRAM is None, reason="no prometheus: apt-get install prometheus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """One that runs."""

    port: int

    def ask(self, expression: str) -> list[Any]:
        """Its samples now: `metric` has the labels, `value` the time and the value as text."""
        found = self._get("query", query=expression)
        return found["result"] if found["resultType"] == "vector" else [found["result"]]

    def value(self, expression: str) -> float | None:
        """Of its only sample; None where it has none."""
        samples = self.ask(expression)
        assert len(samples) <= 1, f"{expression} has {len(samples)} samples"
        return float(samples[0]["value"][1]) if samples else None

    def alerts(self) -> dict[str, str]:
        """Each that is pending or fires, with that word."""
        return {one["labels"]["alertname"]: one["state"] for one in self._get("alerts")["alerts"]}

    def errors(self) -> dict[str, str]:
        """By target, and by rule: what went wrong."""
        targets = {one["scrapeUrl"]: one["lastError"] for one in self._get("targets")["activeTargets"]}
        groups = self._get("rules")["groups"]
        rules = {one["name"]: one.get("lastError", "") for group in groups for one in group["rules"]}
        return {what: error for what, error in (targets | rules).items() if error}

    def has_scraped(self, targets: int) -> bool:
        """So many targets answer."""
        with contextlib.suppress(OSError):
            return self.value("sum(up)") == targets
        return False

    def _get(self, what: str, **fields: str) -> Any:
        address = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urllib.parse.urlencode(fields)}"
        try:
            with urllib.request.urlopen(address, timeout=10.0) as reply:
                return json.load(reply)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it has not started yet
                raise
            raise AssertionError(f"{fields}: {error.read().decode()}") from None


@contextlib.contextmanager
def prometheus(jobs: Mapping[str, Sequence[int]], directory: Path, rules: Sequence[Path] = ()) -> Iterator[Prometheus]:
    """It scrapes these ports, by the name of their job, and has answers of all of them on entry."""
    assert PROGRAM is not None
    made = Prometheus(port=free_port())
    configured = directory / "prometheus.yaml"
    configured.write_text(yaml.safe_dump(_configuration(jobs, rules)))
    where = [f"--config.file={configured}", f"--storage.tsdb.path={directory / 'data'}"]
    listening = [f"--web.listen-address=127.0.0.1:{made.port}", "--log.level=error"]
    popen = subprocess.Popen([PROGRAM, *where, *listening], stdin=subprocess.DEVNULL)
    with parent_death_guard(popen.pid):
        try:
            targets = sum(map(len, jobs.values()))
            until(lambda: made.has_scraped(targets), f"{targets} targets answer", within=30.0)
            yield made
        finally:
            popen.kill()
            popen.wait()


def _configuration(jobs: Mapping[str, Sequence[int]], rules: Sequence[Path]) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            for name, ports in jobs.items()
        ],
    }
