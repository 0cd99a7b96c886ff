"""A line with protected parts on its way to the model: with markers in their place, and cut around them.

Both ways are computed at once, for the jobs of a request go out once: which of them is the answer is decided when both
are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.codecs.translation.draft import Line
from server.codecs.translation.protected.markers import Marked
from server.codecs.translation.protected.stand_ins import SIGN, STAND_IN, WORD
from server.codecs.work import Work

SIGNS = re.compile(f"({SIGN})")
WORDS = re.compile(f"({WORD})")

Piece = list[int] | str  # ids, or text as it is
Read = Callable[[str, Line], None]  # a sentence without protected parts
Put = Callable[[str], Marked | None]  # markers in the place of its words


@dataclass(frozen=True, slots=True)
class Either:
    """A part of a sentence in two ways; the first is its answer if all of its markers are in it."""

    tried: Sequence[Piece]
    around: Sequence[Piece]
    names: Sequence[str]


class ProtectedLine:
    """A line as it is read. Tags stay where they are, between translations of what stands between them."""

    def __init__(self, work: Work, read: Read, put: Put) -> None:
        self.parts: list[Piece | Either] = []
        self.unread = 0  # characters
        self._work = work
        self._read = read
        self._put = put

    def add(self, sentence: str) -> None:
        words = sentence.rstrip()
        for part in SIGNS.split(words):
            self.parts += self._words(part) if WORD in part else self._runs([part])
        self.parts.append(sentence[len(words) :])

    def _words(self, text: str) -> Sequence[Piece | Either]:
        around = self._runs(WORDS.split(text))
        marked = self._put(text) if _has_pieces(around) else None
        if marked is None:
            return around
        line = Line(self._work)
        self._run(marked.text, line)
        return [Either(line.parts, around, marked.names)] if _has_pieces(line.parts) else around

    def _runs(self, runs: Sequence[str]) -> list[Piece]:
        line = Line(self._work)
        for run in runs:
            self._run(run, line)
        self.unread += line.unread
        return line.parts

    def _run(self, run: str, line: Line) -> None:
        words = run.strip()
        if not words or STAND_IN.match(words):
            line.keep(run)
            return
        before, _, after = run.partition(words)
        line.keep(before)
        self._read(words, line)
        line.keep(after)


def _has_pieces(parts: Sequence[Piece]) -> bool:
    return not all(isinstance(part, str) for part in parts)
