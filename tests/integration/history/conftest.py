"""Databases of the history to try: SQLite, and PostgreSQL where there is one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.history.postgres import Postgres, postgres

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty history lies."""
    if request.param == "sqlite":
        return str(tmp_path / "history.db")
    running: Postgres = request.getfixturevalue("server")
    return empty_database(running)


@pytest.fixture
def postgres_place(server: Postgres) -> str:
    return empty_database(server)


def empty_database(running: Postgres) -> str:
    name = f"history_{next(NUMBERS)}"
    running.sql(f"create database {name}")
    return running.url(name)
