"""Both kinds of store, each empty."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from server.files.store import Store, open_store
from tests.s3_server import BUCKET, s3_server


@pytest.fixture(scope="session")
def s3() -> Iterator[Mapping[str, str]]:
    with s3_server() as variables:
        yield variables


@pytest.fixture
def bucket(s3: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://{BUCKET}/{uuid.uuid4().hex}")


@pytest.fixture(params=["directory", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "files")) if request.param == "directory" else request.getfixturevalue("bucket")


@pytest.fixture(params=["directory", "bucket"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What `--files` is."""
    if request.param == "directory":
        return str(tmp_path)
    request.getfixturevalue("bucket")
    return f"s3://{BUCKET}/{tmp_path.name}"
