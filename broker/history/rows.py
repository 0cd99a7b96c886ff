"""A row of the history, and the blocks in which rows travel. Pure.

A block is a msgpack array [version, rows], a row an array of its fields in their order: what a newer release has put
behind them is ignored, and what an older one does not say yet has its default.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

VERSION = 1  # raise it where rows of before would be misread


class HistoryRow(Struct, frozen=True, array_like=True, kw_only=True):
    """What became of one record. New fields stand at the end and have a default."""

    at: int  # microseconds since 1970, the front end's clock, when its request was answered
    id: bytes  # 16 bytes, nobody else's: with `at` it names the row, however often it is brought
    request_id: str = ""  # X-Request-ID
    task: str = ""
    model: str = ""  # its name
    revision: str = ""
    caller: str = ""  # an id of a key; empty: nobody was asked. Never a key, never an address
    lane: str = ""
    status: int = 200  # the HTTP status that this record alone would have
    code: str = ""  # of its problem; empty: it was answered
    input_hash: bytes = b""  # keyed hash of the input; empty: not kept
    input: str = ""  # the input; empty: not kept
    is_cut: bool = False  # there was more of the input
    output: bytes = b""  # its fields, JSON; empty: not kept
    label: str = ""  # the first one, of a classification
    score: float | None = None  # of that label, or of a pair
    cost: int = 0  # tokens
    queue: float = 0.0  # seconds, window included; of its request's slowest job
    compute: float = 0.0  # seconds; of the same job
    batch_size: int = 0  # jobs that were computed together; 0: none was
    is_cached: bool = False  # it was answered from the cache


_encode = msgspec.msgpack.Encoder().encode
_rows = msgspec.msgpack.Decoder(tuple[int, list[HistoryRow]])

row_to_bytes = _encode


def block_of(rows: Sequence[bytes]) -> bytes:
    """Of rows that are encoded already."""
    return _encode((VERSION, [Raw(row) for row in rows]))


def rows_of(block: bytes) -> list[HistoryRow]:
    """Raises `ValueError` for what is no block, or one of another version."""
    version, rows = _rows.decode(block)
    if version != VERSION:
        raise ValueError(f"a block of version {version}, and this release reads {VERSION}")
    return rows
