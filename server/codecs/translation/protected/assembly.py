"""The answer of a text with protected parts: what stands between its pieces, and which of two ways each sentence takes.

It is the memo of a plan, where other texts have their gaps.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from server.codecs.translation.protected.markers import found
from server.codecs.translation.protected.sentence import Either, Piece, ProtectedLine
from server.codecs.translation.protected.stand_ins import WORD, Kept, fill

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """Two ways to a part of a sentence. The one with markers is taken where all of them are in its answer."""

    tried: Sequence[Node]
    around: Sequence[Node]
    names: Sequence[str]  # of the markers
    parts: Sequence[str]  # what they stand for


Node = str | int | Choice  # text as it is, a piece by its number, a choice
Answer = tuple[str, frozenset[str]]  # a piece's text, and how it is marked
Write = Callable[[str], str]


class ProtectedDraft:
    """The pieces of a text in order, and the text around them."""

    def __init__(self, joint: Mapping[str, str], kept: Kept) -> None:
        self.pieces: list[list[int]] = []
        self.unread = 0
        self._joint = joint
        self._nodes: list[Node] = []
        self._parts = iter(kept.parts)
        self._write: Write = escaped if kept.is_html else str

    def add(self, line: ProtectedLine, text: str, gap: str) -> None:
        """What a line came to; the line as it was, where nothing of it is translated."""
        self.unread += line.unread
        parts = _joined(line.parts, self._joint)
        self._nodes += self._numbered(parts if len(parts) > 1 else [text], self._parts)
        self._nodes += self._numbered([gap], self._parts)

    def assembly(self) -> Assembly:
        return Assembly(self._nodes, self._write)

    def _numbered(self, parts: Sequence[Piece | Either], kept: Iterator[str]) -> list[Node]:
        """With what is kept in its places."""
        return [self._node(part, kept) for part in parts]

    def _node(self, part: Piece | Either, kept: Iterator[str]) -> Node:
        if isinstance(part, str):
            return fill(self._write(part), kept)
        if isinstance(part, Either):
            mine = [next(kept) for _ in part.names]
            tried = self._numbered(_joined(part.tried, self._joint), iter(()))
            return Choice(tried, self._numbered(_joined(part.around, self._joint), iter(mine)), part.names, mine)
        self.pieces.append(part)
        return len(self.pieces) - 1


@dataclass(frozen=True, slots=True)
class Assembly:
    """A text in parts. `write` says how an answer is spelled: in HTML a `<` is `&lt;`."""

    nodes: Sequence[Node]
    write: Write

    def answer(self, answers: Sequence[Answer]) -> Answer:
        """The whole text, and the marks of those pieces that are in it."""
        return self._joined(self.nodes, answers)

    def _joined(self, nodes: Sequence[Node], answers: Sequence[Answer]) -> Answer:
        said = [self._said(node, answers) for node in nodes]
        return "".join([text for text, _ in said]), NOTHING.union(*[marks for _, marks in said])

    def _said(self, node: Node, answers: Sequence[Answer]) -> Answer:
        if isinstance(node, str):
            return node, NOTHING
        if isinstance(node, int):
            text, marks = answers[node]
            return self.write(text), marks
        text, marks = self._joined(node.tried, answers)
        whole = None if marks else found(text, node.names, node.parts)
        return self._joined(node.around, answers) if whole is None else (whole, NOTHING)


def _joined(parts: Sequence[Piece | Either], joint: Mapping[str, str]) -> list[Piece | Either]:
    """Text and pieces in turns, and between two of them what the other language has there."""
    pieces = [part for part in parts if not isinstance(part, str)]
    texts: list[list[str]] = [[]]
    for part in parts:
        if isinstance(part, str):
            texts[-1].append(part)
        else:
            texts.append([])
    gaps = ["".join(run) for run in texts]
    gaps[1:-1] = [joint.get(gap, gap) for gap in gaps[1:-1]]
    if joint.get("") == " ":  # into a language with spaces, out of one without
        gaps = [_spaced(gap, number, len(pieces)) for number, gap in enumerate(gaps)]
    turns = zip_longest(gaps, pieces, fillvalue="")
    return [one for gap, piece in turns for one in (gap, piece)][:-1]


def _spaced(gap: str, number: int, pieces: int) -> str:
    """A word that is kept stands apart from the answers before and after it."""
    before = " " if number and gap.startswith(WORD) else ""
    after = " " if number < pieces and gap.endswith(WORD) else ""
    return f"{before}{gap}{after}"


def escaped(text: str) -> str:
    """As HTML spells it."""
    return html.escape(text, quote=False).replace("\u00a0", "&nbsp;")
