"""A plugin for pytest under coverage: notes which test meets which line, and how long each that passes takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

DURATIONS = "JITNEY_MUTANTS_DURATIONS"  # where the seconds of each test go


class Contexts:
    """Each test is a context of its own in the coverage data."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        measured = coverage.Coverage.current()
        assert measured is not None, "run under coverage"
        measured.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        Path(os.environ[DURATIONS]).write_text(
            json.dumps({test: seconds for test, seconds in self._seconds.items() if test not in self._failed})
        )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Contexts())
