"""Batches in the store: each step is one object that is made once, whoever makes it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence

from server.batches.input.reading import closed_after
from server.batches.kept import (
    BATCHES,
    KEYS,
    OPEN,
    Asked,
    Batch,
    Cancel,
    End,
    Head,
    Kept,
    KeyOwner,
    asked_name,
    cancel_name,
    end_name,
    folder,
    is_id,
    key_name,
    open_name,
    part,
    part_name,
    part_numbers,
    read,
    written,
)
from server.files.store import READ, AlreadyThere, Store

HEAD = 1_024  # bytes, in which the head of a part is mostly whole


class Archive:
    """What all front ends see of batches. Every method may raise `StoreAway`."""

    def __init__(self, store: Store, wall: Callable[[], float] = time.time) -> None:
        self._store, self.wall = store, wall

    async def own(self, digest: str, mine: KeyOwner) -> KeyOwner:
        """Whose this key is: mine, or that of whoever was first."""
        return await self._first(key_name(digest), mine)

    async def create(self, asked: Asked) -> Asked:
        """From now on there is this batch; asked again it is the one that was made first."""
        await self._store.put(open_name(asked.id), b"")
        return await self._first(asked_name(asked.id), asked)

    async def find(self, id: str) -> Batch | None:
        """All that is known of it."""
        if not is_id(id) or (asked := await self._get(asked_name(id), Asked)) is None:
            return None
        end = await self._get(end_name(id), End)
        cancel = await self._get(cancel_name(id), Cancel)
        head = await self.head(id) if end is None else None
        return Batch(asked=asked, cancel=cancel, head=head, end=end)

    async def head(self, id: str) -> Head | None:
        """How far it is; None before its input was looked at."""
        while numbers := part_numbers(await self._store.names(folder(id).rstrip("/"))):
            try:
                return (await self._head_of(part_name(id, numbers[-1])))[0]
            except FileNotFoundError:  # it ended a moment ago
                continue
        return None

    async def advance(self, id: str, head: Head, output: bytes = b"", errors: bytes = b"") -> bool:
        """It is so far; False where somebody else has made this step."""
        return await self._is_made(part_name(id, head.number), part(head, output, errors))

    async def output(self, id: str, last: int) -> AsyncIterator[bytes]:
        """The lines of output of all parts."""
        for number in range(last + 1):
            head, begins = await self._head_of(part_name(id, number))
            async for piece in self._some(part_name(id, number), begins, head.output):
                yield piece

    async def errors(self, id: str, last: int) -> AsyncIterator[bytes]:
        """The lines of errors of all parts."""
        for number in range(last + 1):
            head, begins = await self._head_of(part_name(id, number))
            async for piece in self._some(part_name(id, number), begins + head.output, head.errors):
                yield piece

    async def is_canceled(self, id: str) -> bool:
        """Whether it shall end."""
        return await self._store.get(cancel_name(id)) is not None

    async def cancel(self, id: str) -> None:
        """It shall end."""
        await self._is_made(cancel_name(id), written(Cancel(cancelling_at=self.wall())))

    async def end(self, id: str, end: End) -> bool:
        """It has ended so; False where it had ended before."""
        counts = await self._is_made(end_name(id), written(end))
        await self.clear(id)
        return counts

    async def clear(self, id: str) -> None:
        """An ended one is open no more, and needs its parts no more."""
        names = await self._store.names(folder(id).rstrip("/"))
        await self._store.delete([name for name in names if part_numbers([name])])
        await self._store.delete([open_name(id)])

    async def ids(self) -> Sequence[str]:
        """Of all batches, newest first."""
        return sorted(filter(is_id, await self._store.folders(BATCHES.rstrip("/"))), reverse=True)

    async def open_ids(self) -> Sequence[str]:
        """Of those that have not ended, and maybe some that have a moment ago."""
        names = await self._store.names(OPEN.rstrip("/"))
        return [id for id in (name.removeprefix(OPEN) for name in names) if is_id(id)]

    async def forget(self, id: str) -> None:
        """There is nothing of it any more."""
        await self._store.delete(await self._store.names(folder(id).rstrip("/")))
        await self._store.delete([open_name(id)])

    async def keys(self) -> Sequence[str]:
        """The digests of all keys."""
        return [name.removeprefix(KEYS) for name in await self._store.names(KEYS.rstrip("/"))]

    async def owner_of(self, digest: str) -> KeyOwner | None:
        return await self._get(key_name(digest), KeyOwner)

    async def forget_keys(self, digests: Sequence[str]) -> None:
        await self._store.delete([key_name(digest) for digest in digests])

    async def _some(self, name: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """So many bytes from there on."""
        if not size:
            return
        async with closed_after(self._store.read(name, offset, min(size, READ))) as pieces:
            async for piece in pieces:
                yield piece[:size]
                size -= len(piece)
                if size <= 0:
                    return

    async def _head_of(self, name: str) -> tuple[Head, int]:
        """The head of a part, and where its lines begin. Raises `FileNotFoundError`."""
        found = b""
        async with closed_after(self._store.read(name, most=HEAD)) as pieces:
            async for piece in pieces:
                found += piece
                if b"\n" in piece:
                    break
        line = found.partition(b"\n")[0]
        return read(line, Head), len(line) + 1

    async def _first(self, name: str, mine: Kept) -> Kept:
        """What is there under this name: mine, or what was there before."""
        while True:
            if await self._is_made(name, written(mine)):
                return mine
            found = await self._get(name, type(mine))
            if found is not None:
                return found

    async def _is_made(self, name: str, data: bytes) -> bool:
        try:
            await self._store.put(name, data, is_new=True)
        except AlreadyThere:
            return await self._store.get(name) == data  # an answer was lost, and the put was asked for again
        return True

    async def _get(self, name: str, kind: type[Kept]) -> Kept | None:
        data = await self._store.get(name)
        return None if data is None else read(data, kind)
