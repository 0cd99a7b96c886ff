"""Rows of the history, byte for byte: a writer of another release reads them."""

from __future__ import annotations

import msgpack
import pytest

from broker.history.contract import MOST_BLOCK_BYTES, refuse_large
from broker.history.rows import VERSION, HistoryRow, block_of, row_to_bytes, rows_of

CHANGED = (
    "what a writer of an older release reads has changed: raise VERSION in broker/history/rows.py (docs/protocol.md)"
)
ROW = HistoryRow(
    at=1_800_000_000_000_000,
    id=b"0123456789abcdef",
    request_id="r",
    task="classification",
    model="m",
    revision="r1",
    caller="c",
    lane="bulk",
    status=422,
    code="invalid_input",
    input_hash=b"h",
    input="t",
    is_cut=True,
    output=b"{}",
    label="good",
    score=0.5,
    cost=7,
    queue=0.25,
    compute=0.125,
    batch_size=3,
    is_cached=True,
)
GOLDEN = (
    b"\x92\x01\x91\xdc\x00\x15\xcf\x00\x06e\x17(\x98\x80\x00\xc4\x100123456789abcdef\xa1r\xaeclassification\xa1m\xa2r1"
    b"\xa1c\xa4bulk\xcd\x01\xa6\xadinvalid_input\xc4\x01h\xa1t\xc3\xc4\x02{}\xa4good\xcb?\xe0\x00\x00\x00\x00\x00\x00\x07"
    b"\xcb?\xd0\x00\x00\x00\x00\x00\x00\xcb?\xc0\x00\x00\x00\x00\x00\x00\x03\xc3"
)


def test_the_bytes_of_a_block_stay_as_they_are() -> None:
    assert block_of([row_to_bytes(ROW)]) == GOLDEN, CHANGED
    assert rows_of(GOLDEN) == [ROW], CHANGED


def test_what_a_newer_release_has_put_behind_the_fields_is_ignored() -> None:
    fields = msgpack.unpackb(row_to_bytes(ROW))

    assert rows_of(msgpack.packb([VERSION, [[*fields, "of later"]]])) == [ROW]


def test_what_an_older_one_does_not_say_has_its_default() -> None:
    assert rows_of(msgpack.packb([VERSION, [[1, b"i" * 16]]])) == [HistoryRow(at=1, id=b"i" * 16)]


@pytest.mark.parametrize("block", [b"", b"\xc1", b"\x92\x02\x90", b"\x92\x01\x91\x01", b"\x91\x01"])
def test_what_is_no_block_of_this_version_is_a_value_error(block: bytes) -> None:
    with pytest.raises(ValueError):
        rows_of(block)


def test_a_block_that_is_too_large_is_refused() -> None:
    refuse_large([b"x" * MOST_BLOCK_BYTES])

    with pytest.raises(ValueError, match="65,536"):
        refuse_large([b"x" * (MOST_BLOCK_BYTES + 1)])
