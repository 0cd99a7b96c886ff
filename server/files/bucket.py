"""A store in object storage that speaks S3, by obstore. Keys and endpoint come from the usual AWS_* variables."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from server.files.folder import gathered
from server.files.store import READ, AlreadyThere, StoreAway, checked

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ClientConfig, RetryConfig, S3Store

log = structlog.get_logger("server.files")

NEEDS_OBSTORE = "object storage needs obstore: pip install 'jitney[files]'"
PART = 5 << 20  # bytes of each part of a large object: the least that S3 takes
PARTS_AT_ONCE = 1
REQUEST_SECONDS = 30.0  # that one request to it may take
RETRY_SECONDS = 15.0  # from the first try until it is given up
MOST_RETRIES = 3
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class Bucket:
    """Each name is an object."""

    def __init__(self, objects: S3Store) -> None:
        import obstore

        self._objects = objects
        self._obstore = obstore

    async def put(self, name: str, data: bytes, is_new: bool = False) -> None:
        with _translated():
            mode: PutMode = "create" if is_new else "overwrite"
            await self._obstore.put_async(self._objects, checked(name), data, mode=mode, use_multipart=False)

    async def put_stream(self, name: str, chunks: AsyncIterator[bytes]) -> int:
        counted = Counted(gathered(chunks, PART))
        first = await anext(counted, b"")
        if len(first) < PART:  # all there is, in one request
            await self.put(name, first)
            return counted.size
        with _translated():
            await self._obstore.put_async(
                self._objects, checked(name), _chain(first, counted), chunk_size=PART, max_concurrency=PARTS_AT_ONCE
            )
        return counted.size

    async def get(self, name: str) -> bytes | None:
        try:
            with _translated():
                found = await self._obstore.get_async(self._objects, checked(name))
                return bytes(await found.buffer_async())
        except FileNotFoundError:
            return None

    async def read(self, name: str, offset: int = 0, most: int = READ) -> AsyncGenerator[bytes, None]:
        # By ranges: one long answer to a slow reader would outlive every time-out on the way.
        with _translated():
            size = (await self._obstore.head_async(self._objects, checked(name)))["size"]
        for start in range(offset, size, most):
            with _translated():
                end = min(start + most, size)
                piece = await self._obstore.get_range_async(self._objects, name, start=start, end=end)
            yield bytes(piece)

    async def names(self, folder: str) -> list[str]:
        with _translated():
            pages = self._obstore.list(self._objects, f"{checked(folder)}/")
            return sorted([one["path"] async for page in pages for one in page])

    async def folders(self, folder: str) -> list[str]:
        with _translated():
            found = await self._obstore.list_with_delimiter_async(self._objects, f"{checked(folder)}/")
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"])

    async def delete(self, names: Iterable[str]) -> None:
        known = [checked(name) for name in names]
        if known:
            with _translated():
                await self._obstore.delete_async(self._objects, known)

    async def tidy(self) -> int:
        """Nothing of it can be seen; the bucket's own rule removes unfinished uploads."""
        return 0


class Counted:
    """Pieces that pass, and their bytes so far."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.size = 0

    def __aiter__(self) -> Counted:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        self.size += len(piece)
        return piece


def bucket_from(address: str) -> Bucket:
    """`s3://bucket/prefix`. Raises `ValueError` where it is none, or obstore is missing."""
    try:
        from obstore.store import S3Store
    except ModuleNotFoundError:
        raise ValueError(NEEDS_OBSTORE) from None
    parts = urlsplit(address)
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("object storage is named s3://bucket or s3://bucket/prefix")
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    client: ClientConfig = {
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "allow_http": endpoint.startswith("http://"),  # whoever names such an endpoint means it
    }
    retry: RetryConfig = {"max_retries": MOST_RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
    return Bucket(
        S3Store(parts.netloc, prefix=parts.path.strip("/") or None, client_options=client, retry_config=retry)
    )


async def _chain(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in others:
        yield piece


@contextmanager
def _translated() -> Iterator[None]:
    from obstore.exceptions import AlreadyExistsError, BaseError

    try:
        yield
    except AlreadyExistsError as error:
        raise AlreadyThere("There is something of this name.") from error
    except (FileNotFoundError, BaseError) as error:
        if "NoSuchBucket" in str(error):
            raise StoreAway("The bucket of files is not there.") from error
        if isinstance(error, FileNotFoundError):
            raise
        log.warning("object storage failed", kind=type(error).__name__, said=_first_line(error))
        raise StoreAway("The object storage of files cannot be used at the moment.") from error


def _first_line(error: Exception) -> str:
    """Without the answer's own text, which may repeat the id of a key."""
    return str(error).partition("\n")[0].partition("<")[0]
