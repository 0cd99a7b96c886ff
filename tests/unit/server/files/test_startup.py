"""What a front end that keeps files needs at its start, and what it sweeps."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from server.__main__ import main
from server.files.startup import BETWEEN_SWEEPS, files_from, sweeping
from server.files.store import StoreAway
from server.settings import ServerSettings

pytestmark = pytest.mark.anyio


def test_files_are_off_until_somebody_says_where_they_lie():
    assert files_from(ServerSettings()) is None


def test_without_obstore_object_storage_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)

    with pytest.raises(ValueError, match="pip install 'jitney\\[files\\]'"):
        files_from(ServerSettings(files="s3://bucket"))


def test_a_directory_needs_no_obstore(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "obstore", None)

    assert files_from(ServerSettings(files=str(tmp_path)))


def test_an_address_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["--files", "gs://bucket"])

    assert ended.value.code == 2
    assert "--files: it is a directory, or s3://bucket/prefix" in capsys.readouterr().err


async def test_files_are_swept_at_once_and_every_hour_whatever_happens():
    pauses: list[float] = []
    sweeps: list[int] = []

    class Sweeping:
        async def sweep(self) -> int:
            sweeps.append(len(pauses))
            if len(sweeps) < 3:
                raise [StoreAway("not now"), RuntimeError("a bug")][len(sweeps) - 1]
            return 0

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            await asyncio.Event().wait()

    task = asyncio.create_task(sweeping(Sweeping(), sleep))  # type: ignore[arg-type]
    while len(pauses) < 3:
        await asyncio.sleep(0)
    task.cancel()

    assert sweeps == [0, 1, 2]
    assert all(abs(pause - BETWEEN_SWEEPS) <= BETWEEN_SWEEPS / 10 for pause in pauses)
