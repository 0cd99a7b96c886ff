"""A text on its way to be translated: pieces, as their ids, and the gaps before, between and after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.codecs.work import Work

FRAME = 2  # ids around a text's own: the source language, and the end


@dataclass(slots=True)
class Line:
    """A line as it is read: pieces, as their ids, and the text between them."""

    work: Work
    parts: list[list[int] | str] = field(default_factory=list)
    unread: int = 0  # characters

    def keep(self, text: str) -> None:
        if text:
            self.parts.append(text)

    def add(self, ids: list[int]) -> None:
        self.work.spend(1, len(ids) + FRAME)
        self.parts.append(ids)


class Draft:
    """The pieces of a text in order, and the gaps before, between and after them."""

    def __init__(self, joint: Mapping[str, str]) -> None:
        self.pieces: list[list[int]] = []
        self.unread = 0
        self._joint = joint
        self._gaps: list[str] = []
        self._kept: list[str] = []

    def add(self, line: Line, text: str, gap: str) -> None:
        """What a line came to; the line as it was, where nothing of it is translated."""
        self.unread += line.unread
        if not any(isinstance(part, list) for part in line.parts):
            self._kept += (text, gap)
            return
        joint: Mapping[str, str] = {}  # before the first piece everything stays
        for part in line.parts:
            if isinstance(part, str):
                self._kept.append(part)
                continue
            between = self._flush()
            self._gaps.append(joint.get(between, between))
            self.pieces.append(part)
            joint = self._joint
        self._kept.append(gap)

    def gaps(self) -> tuple[str, ...]:
        return (*self._gaps, self._flush())

    def _flush(self) -> str:
        text, self._kept = "".join(self._kept), []
        return text
