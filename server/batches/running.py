"""Runs a batch that this front end holds, from where the store says that it is, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import structlog
from msgspec.structs import replace

from broker.common.throttled_log import ThrottledLog
from server.batches.archive import Archive
from server.batches.input.lines import Check
from server.batches.input.reading import Line, closed_after, lines_of
from server.batches.kept import Asked, Batch, End, Head, LineError
from server.batches.window import Answered, Done, Window
from server.files.files import Files
from server.files.store import StoreError

log = structlog.get_logger("server.batches")

LEAST_LINES = 256  # of a batch that are in hand
MOST_LINES = 8_192
ROOMS = 4  # as many rooms full of lines as are in hand where that is more: two are out, one waits to be written
STORE_PAUSE = 2.0  # seconds until a store that is away is asked again
GONE = "The input file is not there any more."
PURPOSE = "batch_output"


class Ask(Protocol):
    """Answers lines; `room` is how many jobs their batchers take at once."""

    room: int

    async def __call__(self, line: Line) -> Answered: ...


class Run:
    """One batch, as long as this front end holds it. Each step is in the store before the next begins."""

    def __init__(self, archive: Archive, files: Files, ask: Callable[[Asked], Ask], longest: int, asked: Asked) -> None:
        self._archive, self._files, self._longest = archive, files, longest
        self._asked, self._ask = asked, ask(asked)
        self._is_away = ThrottledLog(log.warning)

    async def __call__(self) -> End | None:
        """How it has ended; None where another front end has ended it. A store that is away is asked again."""
        while True:
            try:
                batch = await self._archive.find(self._asked.id)
                if batch is None or batch.end is not None:
                    await self._archive.clear(self._asked.id)
                    return None
                if (end := await self._step(batch)) is not None:
                    return end
            except StoreError as error:
                await self._pause(error)
            except FileNotFoundError:  # parts, which whoever has ended it has removed a moment ago
                await asyncio.sleep(STORE_PAUSE)

    async def _step(self, batch: Batch) -> End | None:
        """What is to be done next. None: look again."""
        head = batch.head
        if batch.cancel is not None or (head is not None and head.is_last):
            return await self._end(batch)
        try:
            if head is None:
                return await self._begin()
            await self._compute(head)
        except FileNotFoundError:
            batch = await self._archive.find(self._asked.id) or batch
            return await self._end(batch, LineError(code="input_file_missing", message=GONE))
        return None

    async def _begin(self) -> End | None:
        """Look at the input: it begins, or has failed."""
        check = Check(self._asked.endpoint)
        async with closed_after(self._lines(0, 0)) as lines:
            async for line in lines:
                check.line(line.number, line.text)
                if check.is_over:
                    break
        check.end()
        if check.errors:
            return await self._write_end(End(status="failed", at=self._now(), errors=check.errors))
        now = self._now()
        await self._archive.advance(self._asked.id, Head(number=0, total=check.total, begun_at=now, written_at=now))
        return None

    async def _compute(self, head: Head) -> None:
        """From there on, until the end of the input, or until somebody else has made a step."""

        async def write(done: Sequence[Done], is_last: bool) -> bool:
            nonlocal head
            head = _next(head, done, self._now(), is_last=is_last)
            return await self._advance(head, done)

        async with closed_after(self._lines(head.offset, head.lines)) as lines:
            await Window(self._ask, write, self._most_lines).run(_asked_for(lines))

    async def _advance(self, head: Head, done: Sequence[Done]) -> bool:
        """Whether to go on: nobody else has made this step, nobody wants it to end. What is computed waits for a store
        that is away."""
        while True:
            try:
                is_next = await self._archive.advance(self._asked.id, head, *_texts(done))
                return is_next and not await self._archive.is_canceled(self._asked.id)
            except StoreError as error:
                await self._pause(error)

    def _most_lines(self) -> int:
        return min(max(LEAST_LINES, ROOMS * self._ask.room), MOST_LINES)

    async def _end(self, batch: Batch, error: LineError | None = None) -> End | None:
        """The parts become files: the same ones, however often that is tried."""
        head = batch.head or Head(number=-1, total=0, begun_at=self._now(), written_at=self._now())
        finalizing = head.written_at if head.is_last else self._now()
        output = await self._file("output", self._archive.output(self._asked.id, head.number), head.completed, head)
        errors = await self._file("error", self._archive.errors(self._asked.id, head.number), head.failed, head)
        end = End(
            status=_status(batch, head, error),
            at=self._now(),
            total=head.total,
            completed=head.completed,
            failed=head.failed,
            begun_at=head.begun_at if batch.head is not None else None,
            finalizing_at=finalizing,
            output_file_id=output,
            error_file_id=errors,
            errors=[] if error is None else [error],
        )
        written = await self._write_end(end)
        if written is None:
            await self._take_back(output, errors)
        return written

    async def _file(self, name: str, chunks: AsyncIterator[bytes], lines: int, head: Head) -> str | None:
        """The id of a file of these, where there are lines for it."""
        if not lines:
            return None
        id = self._files.id_of(f"{self._asked.id} {name} {head.number}", head.written_at)
        shown = f"{self._asked.id}_{name}.jsonl"
        await self._files.create(chunks, shown, PURPOSE, self._asked.output_seconds, id, self._asked.caller)
        return id

    async def _take_back(self, *ids: str | None) -> None:
        """Another front end has ended it first, maybe with a part more or less: its files are the batch's."""
        batch = await self._archive.find(self._asked.id)
        kept = (batch.end.output_file_id, batch.end.error_file_id) if batch and batch.end else ()
        for id in ids:
            if id is not None and id not in kept:
                await self._files.delete(id)

    async def _write_end(self, end: End) -> End | None:
        return end if await self._archive.end(self._asked.id, end) else None

    async def _lines(self, offset: int, before: int) -> AsyncIterator[Line]:
        """Of the input, from there on."""
        async with closed_after(self._chunks(offset)) as chunks:
            async for line in lines_of(chunks, self._longest, offset=offset, before=before):
                yield line

    async def _chunks(self, offset: int) -> AsyncIterator[bytes]:
        """The same as bytes. A store that is away in between is asked again for what is missing."""
        while True:
            try:
                async with closed_after(self._files.content(self._asked.input_file_id, offset)) as pieces:
                    async for piece in pieces:
                        offset += len(piece)
                        yield piece
                return
            except StoreError as error:
                await self._pause(error)

    async def _pause(self, error: StoreError) -> None:
        """The store is away."""
        self._is_away("batch waits for the store", **self._asked.identity, reason=str(error))
        await asyncio.sleep(STORE_PAUSE)

    def _now(self) -> float:
        return self._archive.wall()


def _status(batch: Batch, head: Head, error: LineError | None) -> str:
    if error is not None:
        return "failed"
    if not head.is_last:
        return "cancelled"
    return "expired" if head.expired else "completed"


def _next(head: Head, done: Sequence[Done], now: float, *, is_last: bool) -> Head:
    output, errors = _texts(done)
    good = sum(one.answer.is_good for one in done)
    last = done[-1] if done else None
    return replace(
        head,
        number=head.number + 1,
        written_at=now,
        offset=last.end if last else head.offset,
        lines=last.number if last else head.lines,
        completed=head.completed + good,
        failed=head.failed + len(done) - good,
        expired=head.expired + sum(one.answer.is_expired for one in done),
        output=len(output),
        errors=len(errors),
        is_last=is_last,
    )


def _texts(done: Sequence[Done]) -> tuple[bytes, bytes]:
    """Lines of output, lines of errors."""
    good = b"".join(one.answer.text for one in done if one.answer.is_good)
    return good, b"".join(one.answer.text for one in done if not one.answer.is_good)


async def _asked_for(lines: AsyncIterator[Line]) -> AsyncIterator[Line]:
    """Without blank ones."""
    async for line in lines:
        if line.text is None or line.text.strip():
            yield line
