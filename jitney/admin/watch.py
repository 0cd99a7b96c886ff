"""`jitney status` itself: one look, or look after look in place for as long as somebody watches."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

from broker.common.diagnosis import Diagnosis
from jitney.admin.snapshot import NotSeen, Snapshot, admin, snapshot
from jitney.admin.status import status_facts, status_lines
from jitney.admin.tables import printable

CLEAN, NOT_TO_BE_HAD = 0, 1
HOME, CLEAR_LINE, CLEAR_BELOW, CLEAR = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"
BOLD, RED, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[0m"


def run_status(url: str, namespace: str, cache_url: str = "", *, every: float | None, as_json: bool) -> int:
    """Exit code: 0, or 1 when the broker cannot be asked. `every`: seconds between looks; None is one look."""
    with contextlib.suppress(KeyboardInterrupt):
        try:
            with admin(url, namespace) as broker:
                look = partial(snapshot, broker, url, namespace, cache_url)
                return _once(look, as_json) if every is None else _watch(look, every, as_json)
        except NotSeen as error:  # a URL that is none
            return complain(error.why, as_json=as_json)
    return CLEAN


def _once(look: Callable[[], Snapshot], as_json: bool) -> int:
    seen = look()
    print(json.dumps(status_facts(seen)) if as_json else "\n".join(_painted(status_lines(seen, _width()))), flush=True)
    return CLEAN


def _watch(look: Callable[[], Snapshot], every: float, as_json: bool) -> int:
    """Until Ctrl-C. A broker that goes away is waited for."""
    lost_at: float | None = None
    is_first = True
    while True:
        try:
            seen = look()
            lost_at = None
            said, facts = status_lines(seen, _width()), status_facts(seen)
        except NotSeen as error:
            lost_at = time.monotonic() if lost_at is None else lost_at
            away = time.monotonic() - lost_at
            said = [*complaint(error.why), f"  for {away:.0f} s; asked again every {every:g} s; Ctrl-C ends"]
            facts = {"error": asdict(error.why), "away": round(away, 1)}
        print(json.dumps(facts) + "\n" if as_json else _frame(said, is_first=is_first), end="", flush=True)
        is_first = False
        time.sleep(every)


def _frame(lines: Sequence[str], *, is_first: bool) -> str:
    if not sys.stdout.isatty():
        return "\n".join([*lines, "", ""])
    width, height = shutil.get_terminal_size()
    fitting = [line[:width] for line in lines]
    if len(fitting) > height - 1:
        fitting = [*fitting[: height - 2], f"… {len(fitting) - height + 2} lines more: make the window taller"]
    body = "".join(f"{line}{CLEAR_LINE}\n" for line in _painted(fitting))
    return f"{CLEAR if is_first else ''}{HOME}{body}{CLEAR_BELOW}"


def complaint(why: Diagnosis) -> list[str]:
    """What was tried, the likely cause and what helps, for a person."""
    lines = [f"The broker cannot be asked: {why.cause}.", f"  tried: {why.tried}", f"  what helps: {why.remedy}"]
    return [printable(line) for line in lines]


def complain(why: Diagnosis, *, as_json: bool) -> int:
    """On standard error, and for programs on standard output. The exit code."""
    if as_json:
        print(json.dumps({"error": asdict(why)}), flush=True)
    print("\n".join(["jitney: " + complaint(why)[0], *complaint(why)[1:]]), file=sys.stderr, flush=True)
    return NOT_TO_BE_HAD


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _painted(lines: Sequence[str]) -> list[str]:
    """Headings bold and alerts red, where somebody sees it."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return list(lines)
    return [f"{_colour(line)}{line}{PLAIN}" if _colour(line) else line for line in lines]


def _colour(line: str) -> str:
    if line.startswith(("MODEL", "HOST", "CALLER", "WEBHOOK OF")):
        return BOLD
    return RED if line.startswith(("!", "The broker cannot")) else ""
