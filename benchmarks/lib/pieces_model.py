"""A SentencePiece model of given pieces, without training one: what a made-up checkpoint needs to be loaded."""

from __future__ import annotations

import struct
from collections.abc import Iterable

NORMAL, UNKNOWN, CONTROL = 1, 2, 3  # kinds of a piece, as the library numbers them
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")  # of M2M100's vocabulary, which are no pieces or other ones


def pieces_model(words: Iterable[str]) -> bytes:
    """The library's protobuf: of each piece, which is short, its text, a score that all share, its kind."""
    pieces = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    pieces += [(word, NORMAL) for word in words if word not in SPECIALS]
    score = b"\x15" + struct.pack("<f", -1.0)
    return b"".join(_field(1, _field(1, word.encode()) + score + bytes([3 << 3, kind])) for word, kind in pieces)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content
