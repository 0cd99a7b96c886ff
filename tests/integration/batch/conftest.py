"""A counting server and a file, for each test of a batch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.batch.counting_server import Counted, counting_server


@pytest.fixture
def server() -> Iterator[Counted]:
    with counting_server() as counted:
        yield counted


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Forty rows."""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": f"r{at}", "text": f"text {at}"}) + "\n" for at in range(40)))
    return path
