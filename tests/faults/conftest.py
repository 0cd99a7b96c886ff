"""Prints at the end of a run how long each fault was felt."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import report

BOUND = 150.0  # seconds for one test: waiting for processes that were killed takes longer than a unit test may


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults" in item.nodeid and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(BOUND))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if report.lines():
        terminalreporter.section("how long each fault was felt")
        terminalreporter.write_line("\n".join(report.lines()))
        report.write()
