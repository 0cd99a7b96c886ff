"""A store on a directory of this machine, or on a volume that several machines share.

What is written goes to a name of its own first, is synced, and takes its place by one rename or link. Writers hold a
lock on their unfinished files, which the kernel lets go when they die: so whoever tidies knows what nobody finishes.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

import structlog

from server.files.store import READ, AlreadyThere, StoreAway, StoreFull, checked

log = structlog.get_logger("server.files")

UNFINISHED = ".unfinished"  # no name begins with a dot
THREADS = 8  # of its own: a directory that hangs, as one of a network may, holds up nothing else
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
T = TypeVar("T")


class Folder:
    """Each name is a file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = ThreadPoolExecutor(THREADS, "files")

    async def put(self, name: str, data: bytes, is_new: bool = False) -> None:
        await self._in_thread(self._put, checked(name), data, is_new)

    async def put_stream(self, name: str, chunks: AsyncIterator[bytes]) -> int:
        file = await self._open(_give_up, self._begin)
        try:
            async for piece in gathered(chunks, READ):
                await self._in_thread(file.write, piece)
            size = file.tell()
            await self._in_thread(self._finish, file, checked(name), False)
        finally:
            _give_up(file)
        return size

    async def get(self, name: str) -> bytes | None:
        try:
            return await self._in_thread(self._path(name).read_bytes)
        except FileNotFoundError:
            return None

    async def read(self, name: str, offset: int = 0, most: int = READ) -> AsyncGenerator[bytes, None]:
        with await self._open(_close, _opened, self._path(name)) as file:
            await self._in_thread(file.seek, offset)
            while piece := await self._in_thread(file.read, most):
                yield piece

    async def names(self, folder: str) -> list[str]:
        return await self._in_thread(self._names, checked(folder))

    async def folders(self, folder: str) -> list[str]:
        return await self._in_thread(_folders, self._path(folder))

    async def delete(self, names: Iterable[str]) -> None:
        await self._in_thread(self._delete, [checked(name) for name in names])

    async def tidy(self) -> int:
        return await self._in_thread(self._tidy)

    def _path(self, name: str) -> Path:
        return self._root / checked(name)

    def _put(self, name: str, data: bytes, is_new: bool) -> None:
        file = self._begin()
        try:
            file.write(data)
            self._finish(file, name, is_new)
        finally:
            _give_up(file)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def _open(
        self, unwanted: Callable[[IO[bytes]], None], opens: Callable[..., IO[bytes]], *arguments: object
    ) -> IO[bytes]:
        """A file that a thread opens; `unwanted` gets it where nobody waits for it any more."""
        opening = asyncio.ensure_future(self._in_thread(opens, *arguments))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(partial(_hand, unwanted))  # the thread opens it nevertheless
            raise

    def _begin(self) -> IO[bytes]:
        """A file that nobody else writes, and nobody tidies away while it is open."""
        folder = self._root / UNFINISHED
        while True:
            _make_folder(folder)
            path = folder / os.urandom(16).hex()
            file = open(path, "xb", opener=_private)  # noqa: SIM115 - it is closed by `_give_up`
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:  # else somebody tidied in between
                return file

    def _finish(self, file: IO[bytes], name: str, is_new: bool) -> None:
        file.flush()
        os.fsync(file.fileno())
        target = self._path(name)
        try:
            _place(file.name, target, is_new)
        except FileNotFoundError:  # the last of this folder was deleted in between, and the folder with it
            _place(file.name, target, is_new)
        _sync_folder(target.parent)

    def _names(self, folder: str) -> list[str]:
        found = []
        for at, _, files in os.walk(self._root / folder):
            found += [str(Path(at, file).relative_to(self._root)) for file in files]
        return sorted(found)

    def _delete(self, names: Iterable[str]) -> None:
        folders = set()
        for path in map(self._path, names):
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
                folders.add(path.parent)
        for folder in folders:
            _sync_folder(folder)
            if folder.parent != self._root:
                with suppress(OSError):  # there is more in it
                    folder.rmdir()

    def _tidy(self) -> int:
        return sum(_is_removed(path) for path in _entries(self._root / UNFINISHED))


async def gathered(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of this size or a little more, the last one shorter."""
    held, length = [], 0
    async for chunk in chunks:
        held.append(chunk)
        length += len(chunk)
        if length >= size:
            yield b"".join(held)
            held, length = [], 0
    if length:
        yield b"".join(held)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        log.warning("directory of files failed", said=error.strerror)
        if error.errno in NO_ROOM:
            raise StoreFull("There is no room for this in the directory of files.") from error
        raise StoreAway("The directory of files cannot be used at the moment.") from error


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb", buffering=0)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o660)  # what clients bring is nobody else's on this machine


def _place(unfinished: str, target: Path, is_new: bool) -> None:
    _make_folder(target.parent)
    if not is_new:
        os.replace(unfinished, target)
        return
    try:
        os.link(unfinished, target)
    except FileExistsError as error:
        raise AlreadyThere("There is something of this name.") from error


def _give_up(file: IO[bytes]) -> None:
    """Nothing is left at its first name; where it was finished by a rename, nothing was."""
    with suppress(OSError):
        os.unlink(file.name)
    with suppress(OSError):  # closing writes what is buffered, for which there may be no room
        file.close()


def _close(file: IO[bytes]) -> None:
    file.close()


def _hand(unwanted: Callable[[IO[bytes]], None], opening: asyncio.Future[IO[bytes]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        unwanted(opening.result())


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o770, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:  # it has been removed meanwhile, with all that was in it
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in _entries(folder) if entry.is_dir())


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _is_removed(path: Path) -> bool:
    """Whether nobody was writing this, so that it is gone now."""
    with suppress(FileNotFoundError), open(path, "rb") as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
        return True
    return False
