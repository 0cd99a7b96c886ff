"""What a person sees of `jitney up`; works the same without a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

NOT_SHOWN = ("event", "level", "timestamp")


class Screen:
    """Our lines, with the seconds since the start, on standard output; the children's on standard error."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """One line of ours."""
        print(f"{time.monotonic() - self._started:7.1f} s  {text}", flush=True)

    def show(self, lines: Sequence[str]) -> None:
        """A block to read and copy from."""
        print("\n" + "\n".join(lines) + "\n", flush=True)

    def complain(self, text: str) -> None:
        """Why we end."""
        print(f"jitney up: {text}", file=sys.stderr, flush=True)

    def relay(self, title: str, line: str) -> None:
        """One line of a child's."""
        print(f"{title} | {plain(line)}", file=sys.stderr, flush=True)


def plain(line: str) -> str:
    """A JSON log line as a person would like it: `warning broker not met url=…`; any other line as it is."""
    # The children write JSON because nobody watches *them*; here somebody does.
    if not line.startswith("{"):
        return line
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if "event" not in entry:
        return line
    level = [entry["level"]] if entry.get("level", "info") != "info" else []
    fields = [f"{name}={value}" for name, value in entry.items() if name not in NOT_SHOWN]
    return " ".join([*level, entry["event"], *fields])
