"""Prints at the end of a run how long each fault was felt, whichever worker of pytest-xdist ran the test."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.kit import report

BOUND = 150.0  # seconds for one test: waiting for processes that were killed takes longer than a unit test may
FELT = "felt"  # what a worker sends back


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults" in item.nodeid and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(BOUND))


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)  # workers alone have it
    if output is not None:
        output[FELT] = dict(report.recorded())


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist nobody calls it
def pytest_testnodedown(node: Any) -> None:
    for fault, seconds in getattr(node, "workeroutput", {}).get(FELT, {}).items():
        report.record(fault, seconds)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if report.lines():
        terminalreporter.section("how long each fault was felt")
        terminalreporter.write_line("\n".join(report.lines()))
