"""Where files lie, on a directory or in object storage: what both promise, and which one an address means."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from pathlib import Path
from typing import Protocol

BUCKET = "s3://"
READ = 1 << 20  # bytes that one read brings at most
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")  # no `..`, no empty part


class StoreError(Exception):
    """The store did not do it. The sentence may be shown; the cause is for the log."""


class StoreAway(StoreError):
    """It cannot be reached, or refuses us: asking again may help."""


class StoreFull(StoreError):
    """It has no room."""


class AlreadyThere(StoreError):
    """Somebody has made this name before."""


class Store(Protocol):
    """Bytes by names with slashes, which are ours and never a client's. Every call may raise `StoreAway`."""

    async def put(self, name: str, data: bytes, is_new: bool = False) -> None:
        """Kept for good when this returns, whole or not at all. With `is_new` only one of many who put the same name
        does: the others get `AlreadyThere`; whose own put was lost on its way may get it too. Raises `StoreFull`."""
        ...

    async def put_stream(self, name: str, chunks: AsyncIterator[bytes]) -> int:
        """The same for what may be long, in bounded memory: how many bytes. What `chunks` raises ends it, and nothing
        is kept."""
        ...

    async def get(self, name: str) -> bytes | None:
        """All of it, or None where there is nothing of this name."""
        ...

    def read(self, name: str, offset: int = 0, most: int = READ) -> AsyncGenerator[bytes, None]:
        """The bytes from there on, so many of them at a time at most. Raises `FileNotFoundError`."""
        ...

    async def names(self, folder: str) -> list[str]:
        """All names that begin with `folder/`, in their order."""
        ...

    async def folders(self, folder: str) -> list[str]:
        """What stands behind `folder/` in names that go on with one more slash, each once, in their order."""
        ...

    async def delete(self, names: Iterable[str]) -> None:
        """They are gone, also those that were not there."""
        ...

    async def tidy(self) -> int:
        """Remove what writers that have died left half written: how many."""
        ...


def open_store(address: str) -> Store:
    """The store of `--files`. Raises `ValueError` for an address that is none, or a package that is missing."""
    if not address.startswith(BUCKET):
        if "://" in address or address.startswith("s3:"):  # s3:/bucket is a slip, no directory
            raise ValueError("it is a directory, or s3://bucket/prefix")
        from server.files.folder import Folder

        return Folder(Path(address))
    from server.files.bucket import bucket_from

    return bucket_from(address)


def checked(name: str) -> str:
    """This name. Raises `ValueError` for one that could lead elsewhere."""
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name of the store: {name!r}")
    return name
