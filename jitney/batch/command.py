"""`jitney batch` itself: opens the files, runs the window over them, and says how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from jitney.batch.by_lines import ByLines
from jitney.batch.by_records import ByRecords
from jitney.batch.client import connected, require_httpx2
from jitney.batch.contract import ROW_FAILED, USAGE, Answer, Format, Item, Stopped
from jitney.batch.files import identity
from jitney.batch.files.csv_file import Csv
from jitney.batch.files.jsonl import Jsonl
from jitney.batch.files.openai_lines import OpenAILines
from jitney.batch.files.output import Output
from jitney.batch.files.retry_failed import items_to_retry
from jitney.batch.files.source import source_of
from jitney.batch.files.state import Names, read_state
from jitney.batch.files.stream import StreamOutput
from jitney.batch.options import OPENAI, STREAM, BatchOptions
from jitney.batch.progress import Count, Progress, progress, say
from jitney.batch.requests import Asker
from jitney.batch.window import Bounds, Window
from jitney.client.policy.flow import Flow

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOST_REQUESTS = 64  # under way at once: it fills a batch, and a pool of connections gets slower with each one
FIRST_ANSWER = 4 << 20  # bytes: how large a line's reply may be, until one has been seen
AGAIN = "the same command goes on from here"


def run_batch(options: BatchOptions) -> int:
    """Exit code: 0, 1 where a row failed, 2 for what cannot be done, 3 refused for now, 4 not reached; 128 and its
    number after a signal."""
    try:
        if complaint := options.complaint():
            raise Stopped(USAGE, complaint)
        require_httpx2()  # said before anything is opened
        with source_of(options.source) as source:
            return _batch(options, source)
    except Stopped as stopped:
        say(stopped.message)
        return stopped.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        say(f"{error.filename or options.target}: {error.strerror}")
        return USAGE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _batch(options: BatchOptions, source: BinaryIO) -> int:
    format = _format(options)
    format.begin(source)
    names = Names(out=Path(options.target))
    if options.target == STREAM:
        return _run(options, format, StreamOutput(sys.stdout.buffer, format), names)
    if options.source == STREAM:
        names.forget_stream()
    output = Output(names, format, _identity(options, names), time.monotonic)
    if output.is_finished():
        return _ended(output, names, "was complete, and now has its name")
    _require_free(options, names)
    return _run(options, format, output, names)


def _run(options: BatchOptions, format: Format, output: Output | StreamOutput, names: Names) -> int:
    with output.open():
        count = Count(started=time.monotonic(), total=_size(options), rows=output.rows, before=output.rows)
        if output.rows:
            say(f"{output.rows:,} rows are there already; going on behind them")
        items, count.bytes_before = _items(options, format, names, output.rows)
        count.bytes, count.failed = count.bytes_before, output.failed
        count.started = time.monotonic()  # what is there already is no work of this run
        screen = progress(time.monotonic)
        try:
            number = asyncio.run(_answered(options, items, _Writer(format, output, count, screen), screen))
        except Stopped as stopped:
            raise Stopped(
                stopped.exit_code, f"{stopped.message}{_left(options, output, stopped.exit_code)}"
            ) from stopped
        except BrokenPipeError:
            raise
        except OSError as error:  # no checkpoint: the last row may be torn
            why = f"{options.target} cannot be written: {error.strerror}"
            raise Stopped(USAGE, f"{why}. {output.rows:,} rows are done; mend that, and {AGAIN}") from error
        finally:
            screen.end()
        if number:
            say(f"ended by {signal.Signals(number).name}{_left(options, output, 128 + number)}")
            return 128 + number
        _require_unchanged(options, names)
        output.finish()
        spent = time.monotonic() - count.started
        return _ended(output, names, f"in {spent:.1f} s ({count.rate(time.monotonic()):,.0f} rows/s)")


async def _answered(options: BatchOptions, items: Iterator[Item], writer: _Writer, screen: Progress) -> int:
    """Every item is written, or those that were answered when a signal came: then its number, else 0."""
    is_by_lines = options.format == OPENAI
    rows = 1 if is_by_lines else min(options.rows_per_request, options.window)
    bounds = Bounds(rows=options.window, request_rows=rows, answer_bytes=FIRST_ANSWER if is_by_lines else 0)
    flow = Flow(min(MOST_REQUESTS, -(-options.window // rows)), options.patience)
    async with connected(options, flow.limit) as post:
        asker = Asker(post, ByLines() if is_by_lines else ByRecords(options), options, flow, screen.note)
        with _signals() as came:
            try:
                await asker.check()
                await Window(items, asker.ask, writer, bounds).run()
            except asyncio.CancelledError:
                if not came:
                    raise
        return came[0] if came else 0


class _Writer:
    """Answers become rows of OUT."""

    def __init__(self, format: Format, output: Output | StreamOutput, count: Count, screen: Progress) -> None:
        self._format = format
        self._output = output
        self._count = count
        self._screen = screen

    def __call__(self, items: Sequence[Item], answers: Sequence[Answer | None]) -> None:
        pairs = list(zip(items, answers, strict=True))
        lines = [item.kept if answer is None else self._format.line(item.row, answer) for item, answer in pairs]
        failed = [(item.row, answer.error) for item, answer in pairs if answer is not None and answer.error]
        self._output.write(cast("list[bytes]", lines), failed)
        self._count.rows, self._count.failed = self._output.rows, self._output.failed
        self._count.bytes = items[-1].row.ends_at
        self._screen.moved(self._count)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """The first one cancels this task and is in the list; a second one ends the process as it always does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    came: list[int] = []

    def stop(number: int) -> None:
        came.append(number)
        forget()
        if task is not None:
            task.cancel()

    def forget() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        yield came
    finally:
        forget()


def _format(options: BatchOptions) -> Format:
    if options.format == OPENAI:
        return OpenAILines()
    if options.format == "jsonl":
        return Jsonl(options.column, options.id_column or "id")
    how: dict[str, Any] = {"delimiter": options.delimiter, "excel_safe": options.excel_safe, "bom": options.bom}
    return Csv(options.endpoint, options.column, options.id_column, **how)


def _identity(options: BatchOptions, names: Names) -> identity.Identity:
    source = STREAM if options.source == STREAM else identity.of_file(Path(options.source))
    out = identity.of_file(names.out) if options.retry_failed and names.out.exists() else None
    return {"in": source, "out": out, "options": options.answering()}


def _require_free(options: BatchOptions, names: Names) -> None:
    """Raises `Stopped` where OUT holds what somebody may still want."""
    if options.retry_failed and not names.out.exists():
        raise Stopped(USAGE, f"{names.out} is not there: --retry-failed is for what a batch has finished")
    if options.retry_failed and not names.errors.exists():
        raise Stopped(0, f"no row of {names.out} failed: {names.errors} is not there")
    if names.out.exists() and not options.overwrite and not options.retry_failed:
        raise Stopped(USAGE, f"{names.out} is there already: --retry-failed or --overwrite, or another name")


def _items(options: BatchOptions, format: Format, names: Names, done: int) -> tuple[Iterator[Item], int]:
    """Those that OUT does not have yet, and the bytes of IN before them."""
    if options.retry_failed:  # both files are read from their beginnings
        items = items_to_retry(format.rows(), format, names.out, names.errors)
        return items, _skip(items, done, done)
    items = (Item(row=row) for row in format.rows(max(1, done)))
    return items, _skip(items, min(1, done), done)


def _skip(items: Iterator[Item], count: int, done: int) -> int:
    """Leave out so many; the last of them is the last one done. Where it ends."""
    skipped = list(deque(itertools.islice(items, count), maxlen=1))
    if count and (not skipped or skipped[0].row.number < done):
        raise Stopped(USAGE, f"IN has fewer rows than OUT.part, {done:,}: remove OUT.part and OUT.part.json")
    return skipped[0].row.ends_at if skipped else 0


def _require_unchanged(options: BatchOptions, names: Names) -> None:
    if STREAM in (options.source, options.target):
        return
    now = _identity(options, names)
    identity.require_same(now, read_state(names.state)["identity"], names.part)


def _left(options: BatchOptions, output: Output | StreamOutput, exit_code: int) -> str:
    """Leave what can be gone on with, and say so."""
    if not output.rows:
        output.discard()
        return ""
    output.checkpoint()
    if STREAM in (options.source, options.target):
        return f". {output.rows:,} rows were written; with - for a file it cannot go on, only begin anew"
    return f". {output.rows:,} rows are done" + (f", and {AGAIN}" if exit_code != USAGE else "")


def _ended(output: Output | StreamOutput, names: Names, how: str) -> int:
    say(f"{output.rows:,} rows, {output.failed:,} failed, {how}")
    if output.failed and isinstance(output, Output):
        say(f"why: {names.errors}; --retry-failed computes these again")
    return ROW_FAILED if output.failed else 0


def _size(options: BatchOptions) -> int | None:
    return None if options.source == STREAM else Path(options.source).stat().st_size
