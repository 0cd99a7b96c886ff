"""What only a directory can do: sync, run out of room, and keep the rest of writers that have died."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from server.files import folder
from server.files.folder import UNFINISHED, Folder
from server.files.store import StoreAway, StoreFull

pytestmark = pytest.mark.anyio

WRITER = """
import sys
from pathlib import Path
from server.files.folder import Folder
file = Folder(Path(sys.argv[1]))._begin()
file.write(b"half")
file.flush()
print("written", flush=True)
sys.stdin.read()
"""


@contextmanager
def half_written(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of its file."""
    words = [sys.executable, "-c", WRITER, str(root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"written\n"
            yield writer
        finally:
            writer.kill()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def large(chunks: int = 3) -> AsyncIterator[bytes]:
    for _ in range(chunks):
        yield bytes(1 << 20)


def everything_in(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]


async def test_what_a_dead_writer_left_is_tidied_away_at_once_and_nothing_else(tmp_path: Path):
    folder = Folder(tmp_path)
    await folder.put("a/b", b"kept")
    with half_written(tmp_path) as writer:
        assert await folder.tidy() == 0

        writer.kill()
        writer.wait()

        assert await folder.tidy() == 1
    assert everything_in(tmp_path) == ["a/b"]


async def test_nobody_else_of_the_machine_may_read_it(tmp_path: Path):
    await Folder(tmp_path / "files").put("a/b", b"data")

    assert [path for path in tmp_path.glob("**/*") if path.stat().st_mode & stat.S_IRWXO] == []


async def test_unfinished_files_are_no_names(tmp_path: Path):
    with half_written(tmp_path):
        assert len(list((tmp_path / UNFINISHED).iterdir())) == 1
        with pytest.raises(ValueError, match="not a name"):
            await Folder(tmp_path).names(UNFINISHED)


@pytest.mark.parametrize("is_new", [False, True])
async def test_it_is_synced_before_it_has_its_name_and_its_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
):
    synced, sync = [], os.fsync

    def seen(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((is_folder, os.readlink(f"/proc/self/fd/{descriptor}"), (tmp_path / "a/b").exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    await Folder(tmp_path).put("a/b", b"data", is_new)

    assert [is_there for is_folder, _, is_there in synced if not is_folder] == [False]
    assert (True, str(tmp_path / "a"), True) in synced  # the file's name
    assert (True, str(tmp_path), False) in synced  # the folder's, which is new


async def test_without_room_it_is_full_and_nothing_is_left(tmp_path: Path):
    folder = Folder(tmp_path)
    with files_of_at_most(1 << 16):
        with pytest.raises(StoreFull, match="no room"):
            await folder.put_stream("a/b", large())
        with pytest.raises(StoreFull, match="no room"):
            await folder.put("a/b", bytes(1 << 17))

    assert everything_in(tmp_path) == []


async def test_a_writer_that_is_cancelled_while_its_file_is_opened_leaves_nothing(tmp_path: Path, monkeypatch):
    opened, go = threading.Event(), threading.Event()
    folder = Folder(tmp_path)
    begin = folder._begin

    def slow() -> Any:
        file = begin()
        opened.set()
        go.wait()
        return file

    monkeypatch.setattr(folder, "_begin", slow)
    writing = asyncio.create_task(folder.put_stream("a/b", large()))
    await asyncio.to_thread(opened.wait)
    writing.cancel()
    await asyncio.wait([writing])
    assert len(everything_in(tmp_path)) == 1

    go.set()
    while everything_in(tmp_path):
        await asyncio.sleep(0)


async def test_where_it_may_not_write_it_is_away(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StoreAway, match="cannot be used"):
        await Folder(tmp_path / "file").put("a/b", b"")


async def test_who_reads_what_is_deleted_reads_it_to_its_end(tmp_path: Path):
    folder = Folder(tmp_path)
    await folder.put_stream("a/b", large())

    reading = folder.read("a/b")
    first = await anext(reading)
    await folder.delete(["a/b"])

    assert len(first + b"".join([piece async for piece in reading])) == 3 << 20


async def test_a_file_that_nobody_waits_for_any_more_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = Folder(tmp_path)
    await store.put("a/b", b"bytes")
    opened = []
    may_open = threading.Event()

    def slowly(path: Path) -> IO[bytes]:
        may_open.wait()
        opened.append(path.open("rb", buffering=0))
        return opened[-1]

    monkeypatch.setattr(folder, "_opened", slowly)
    reading = asyncio.ensure_future(anext(store.read("a/b")))
    await asyncio.sleep(0)

    reading.cancel()
    await asyncio.wait({reading})
    may_open.set()

    while not opened or not opened[0].closed:
        await asyncio.sleep(0)
    assert reading.cancelled()
