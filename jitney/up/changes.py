"""When a change of files is one to act on: once it has kept still, and once only. Pure: it is handed what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Stamp = tuple[int, ...]  # differs when the file does; a file that is not there has none
Seen = Mapping[Path, Stamp]


class Changes:
    """What differs from the files that a process was started with."""

    def __init__(self, started_with: Seen) -> None:
        self._started_with = started_with
        self._last = started_with
        self._told = started_with

    def see(self, now: Seen) -> list[Path]:
        """The files that differ, in the look after the one that found them so: an editor that writes in steps, and a
        burst of saves, are one change. Each state is told once, whatever becomes of it."""
        is_still, self._last = now == self._last, now
        if not is_still or now == self._told:
            return []
        self._told = now
        either = self._started_with.keys() | now.keys()
        return sorted(path for path in either if self._started_with.get(path) != now.get(path))

    def acted(self) -> None:
        """The process was started again with what was told last."""
        self._started_with = self._told
