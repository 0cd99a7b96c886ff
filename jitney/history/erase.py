"""`jitney history erase`: what is kept of a key or of an input, deleted for good."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TypeVar

from broker.admin.redis import RedisAdmin
from broker.history.hashing import hash_secret_from, input_hash
from history.databases.contract import Database
from history.databases.errors import HistoryError
from history.databases.place import open_database
from history.erasing import count, empty_log, erase, has_only_hashes
from history.reading.queries import Selection
from jitney.admin.snapshot import NotSeen, admin, explained
from jitney.admin.tables import printable
from jitney.admin.watch import complain

DONE, NOT_ALL, WRONG = 0, 1, 2
PATIENCE, PAUSE = 15.0, 0.5  # seconds: for the writer, and between two looks at how far it is
LONG = 600.0  # seconds, for each step in the database
NOT_WRITTEN = (
    "what waits at the broker is not written, so none of it is erased: see what keeps the writer (jitney status), and "
    "say this again"
)
NO_HASHES = (
    "JITNEY_HASH_SECRET is not set, and there are rows that keep only a hash of their input, so none of those is "
    "erased: say this again with the secret of the front ends"
)
NO_PICTURES = "no text: of a picture only a hash is kept, which takes the JITNEY_HASH_SECRET of the front ends"
IN_LOG = (
    "what is erased may still stand in the log beside the file (-wal), which somebody reads: when reports have ended, "
    "say this again"
)
NOBODY = "nobody answers here, so nothing is erased: --yes erases without asking"
TERMINAL = "/dev/tty"

IsSure = Callable[[int], bool]
Found = TypeVar("Found")


def of_input(data: bytes) -> Selection:
    """Rows of this text, or of this picture. A line break at the end of a text is the shell's. Raises `ValueError`."""
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not (text or data.strip()):
        raise ValueError("the input is empty")
    secret = hash_secret_from(os.environ)
    if not (text or secret):  # it would select all rows
        raise ValueError(NO_PICTURES)
    return Selection(input=text, input_hash=input_hash(secret, text or data) if secret else b"")


def run_erase(place: str, selection: Selection, *, url: str, namespace: str, is_sure: IsSure) -> int:
    """Exit code 1 where not all of it is gone, or nobody can tell."""
    left = [] if _written(url, namespace) else [NOT_WRITTEN]
    try:
        found = asyncio.run(_with(place, lambda database: count(database, selection), is_readonly=True))
        if not is_sure(found):
            return NOT_ALL
        gone = asyncio.run(_with(place, lambda database: erase(database, selection))) if found else 0
        left += asyncio.run(_with(place, lambda database: _left(database, selection)))
    except HistoryError as error:
        _say(f"the history cannot be changed: {error}")
        return NOT_ALL
    print(f"{gone} erased", flush=True)
    for text in left:
        _say(text)
    return NOT_ALL if left else DONE


def is_sure(rows: int, *, is_stdin_read: bool) -> bool:
    """Somebody says yes: at the terminal, where standard input was the text."""
    print(f"erase {rows} rows for good? [y/N] ", end="", file=sys.stderr, flush=True)
    answer = _answer(is_stdin_read)
    if not answer:
        print(file=sys.stderr)
        _say(NOBODY)
    return answer.strip().lower() in ("y", "yes")


def _answer(is_stdin_read: bool) -> str:
    """Empty where nobody can."""
    if not is_stdin_read:
        return sys.stdin.readline()
    with suppress(OSError), open(TERMINAL, errors="replace") as terminal:
        return terminal.readline()
    return ""


async def _left(database: Database, selection: Selection) -> list[str]:
    """Why not all of it is gone. Of what was erased before, too: the log is emptied by whoever says it again."""
    found = [] if await empty_log(database) else [IN_LOG]
    if selection.input and not selection.input_hash and await has_only_hashes(database):
        found.append(NO_HASHES)
    return found


async def _with(place: str, work: Callable[[Database], Awaitable[Found]], *, is_readonly: bool = False) -> Found:
    async with aclosing(open_database(place, is_readonly=is_readonly, patience=LONG)) as database:
        return await work(database)


def _written(url: str, namespace: str) -> bool:
    """Wait until the writer has written all that waits now."""
    try:
        with admin(url, namespace) as broker, explained(url):
            return _until_written(broker)
    except NotSeen as error:
        complain(error.why, as_json=False)
        return False


def _until_written(broker: RedisAdmin) -> bool:
    waiting, written = broker.history_blocks()
    wanted, until = written + waiting, time.monotonic() + PATIENCE
    while waiting and written < wanted:
        if time.monotonic() >= until:
            return False
        time.sleep(PAUSE)
        waiting, written = broker.history_blocks()
    return True


def _say(text: str) -> None:
    print(printable(f"jitney: {text}"), file=sys.stderr)
