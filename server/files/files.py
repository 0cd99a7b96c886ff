"""Files by their ids: kept with what is known of them, told, found, forgotten when their time is over.

`data/<id>` has the bytes and is written first, `files/<id>` what is known of them; what lacks the latter is no file.
Ids begin with the time, so their order is that of creation, and have 96 random bits: whoever knows one may read it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from server.callers.caller import ANONYMOUS, Caller
from server.callers.owners import sees
from server.errors import Problem
from server.files.concurrently import concurrently
from server.files.store import Store

ABOUT, DATA = "files", "data"
ID = re.compile(r"file-([0-9a-f]{12})[0-9a-f]{24}")  # milliseconds, then random
UNKNOWN = "There is no file of this id, or its time is over."
MOST_OF_A_PAGE = 1_000
ORPHANED = 7 * 86_400.0  # seconds after which bytes that nothing is known of belong to nobody who still writes
DELETED_AT_ONCE = 1_000

Order = Literal["asc", "desc"]


class File(Struct, frozen=True, kw_only=True):
    """What is known of a file: OpenAI's object, and what lies in the store."""

    id: str
    object: str = "file"
    bytes: int
    created_at: int  # Unix seconds, as all times of OpenAI's objects
    filename: str
    purpose: str
    status: str = "processed"
    expires_at: int | UnsetType = UNSET
    owner: str | UnsetType = UNSET  # whose it is


class FilePage(Struct, frozen=True, kw_only=True):
    """Some of all files, and whether more come behind them."""

    object: str = "list"
    data: list[File]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class Files:
    """All files of a store. Every call may raise `StoreAway`."""

    def __init__(self, store: Store, ttl: float, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._ttl = ttl  # seconds that a file is kept, at most
        self._clock = clock

    def new_id(self) -> str:
        """An id that nobody has or guesses, behind all that were made before."""
        return f"file-{int(self._clock() * 1000):012x}{secrets.token_hex(12)}"

    def id_of(self, secret: str, at: float) -> str:
        """The same id each time, which nobody guesses who does not know the secret."""
        return f"file-{int(at * 1000):012x}{hashlib.blake2b(secret.encode(), digest_size=12).hexdigest()}"

    async def create(
        self,
        chunks: AsyncIterator[bytes],
        filename: str,
        purpose: str,
        kept: float | None = None,
        id: str | None = None,
        owner: str = "",
    ) -> File:
        """A file of these bytes. Raises what `chunks` raises and `StoreFull`, with nothing kept; done again with the
        same id it is the same file. `kept`: seconds, the ttl at most, and that where it is None."""
        id = id or self.new_id()
        size = await self.write(id, chunks)
        return await self.register(id, size, filename, purpose, kept, owner)

    async def write(self, id: str, chunks: AsyncIterator[bytes]) -> int:
        """The first half: its bytes, and how many. They are a file once it is registered."""
        return await self.store.put_stream(_data(id), chunks)

    async def register(
        self, id: str, size: int, filename: str, purpose: str, kept: float | None = None, owner: str = ""
    ) -> File:
        """The second half."""
        now = self._clock()
        file = File(
            id=id,
            bytes=size,
            created_at=int(now),
            filename=filename,
            purpose=purpose,
            expires_at=int(now + min(kept or self._ttl, self._ttl)),
            owner=owner or UNSET,
        )
        await self.store.put(_about(id), msgspec.json.encode(file))
        return file

    async def find(self, id: str, caller: Caller = ANONYMOUS) -> File:
        """What is known of it. Raises `Problem` (not_found) also for what is no id, when its time is over, and where it
        is another's."""
        found = await self.store.get(_about(id)) if ID.fullmatch(id) else None
        file = None if found is None else _read(found)
        if file is None or self._is_over(file) or not _is_seen(file, caller):
            raise Problem("not_found", UNKNOWN)
        return file

    def content(self, id: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes of a file that was found, in pieces. Raises `FileNotFoundError` if it was deleted since."""
        return self.store.read(_data(id), offset)

    async def page(
        self,
        after: str | None = None,
        limit: int = MOST_OF_A_PAGE,
        order: Order = "desc",
        purpose: str | None = None,
        caller: Caller = ANONYMOUS,
    ) -> FilePage:
        """Those behind `after`, which need not be there any more."""
        ids = await self._ids(ABOUT)
        if order == "desc":
            ids.reverse()
        if after is not None:
            ids = [id for id in ids if (id > after if order == "asc" else id < after)]
        found = [file async for file in self._known(ids, purpose, limit + 1, caller)]
        data = found[:limit]
        ends = {"first_id": data[0].id, "last_id": data[-1].id} if data else {}
        return FilePage(data=data, has_more=len(found) > limit, **ends)

    async def delete(self, id: str, caller: Caller = ANONYMOUS) -> None:
        """Nobody finds it any more. Raises `Problem` (not_found)."""
        await self.find(id, caller)
        await self._forget([id])

    async def sweep(self) -> int:
        """Forget what nobody may find any more, and what a writer that has died left half done: how many."""
        tidied = await self.store.tidy()
        ids = await self._ids(ABOUT)
        over = [id async for id, found in self._looked_up(ids) if found is not None and self._is_over(found)]
        oldest = self._clock() - ORPHANED
        orphans = [id for id in set(await self._ids(DATA)).difference(ids) if created(id) < oldest]
        await self._forget([*over, *orphans])
        return tidied + len(over) + len(orphans)

    async def _ids(self, folder: str) -> list[str]:
        names = [name.rpartition("/")[2] for name in await self.store.names(folder)]
        return [name for name in names if ID.fullmatch(name)]

    async def _known(self, ids: Iterable[str], purpose: str | None, most: int, caller: Caller) -> AsyncIterator[File]:
        async for _, file in self._looked_up(ids):
            if file is None or self._is_over(file) or purpose not in (None, file.purpose) or not _is_seen(file, caller):
                continue
            yield file
            most -= 1
            if not most:
                return

    async def _looked_up(self, ids: Iterable[str]) -> AsyncIterator[tuple[str, File | None]]:
        async for id, found in concurrently(ids, lambda id: self.store.get(_about(id))):
            yield id, None if found is None else _read(found)

    async def _forget(self, ids: list[str]) -> None:
        # What is known goes first: nobody may find a file whose bytes are gone.
        for start in range(0, len(ids), DELETED_AT_ONCE):
            some = ids[start : start + DELETED_AT_ONCE]
            await self.store.delete(map(_about, some))
            await self.store.delete(map(_data, some))

    def _is_over(self, file: File) -> bool:
        return file.expires_at is not UNSET and file.expires_at <= self._clock()


def created(id: str) -> float:
    """When this id was made, in Unix seconds; 0 for what is no id."""
    read = ID.fullmatch(id)
    return int(read[1], 16) / 1000 if read else 0.0


def _is_seen(file: File, caller: Caller) -> bool:
    return sees(caller, "" if file.owner is UNSET else file.owner)


def _about(id: str) -> str:
    return f"{ABOUT}/{id}"


def _data(id: str) -> str:
    return f"{DATA}/{id}"


def _read(found: bytes) -> File | None:
    """Nothing for what we have not written, or not to its end."""
    try:
        return msgspec.json.decode(found, type=File)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
