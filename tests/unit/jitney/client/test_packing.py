"""Items in requests of a few, as the client and `jitney batch` send them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jitney.client.policy.packing import packed


def packs(items: Iterator[str | None] | list[str | None], most: int = 3) -> list[list[str]]:
    return list(packed(items, len, most=most, most_bytes=10))


def test_a_pack_has_no_more_items_and_no_more_bytes_than_a_request_takes() -> None:
    assert packs(["a", "b", "c", "d"]) == [["a", "b", "c"], ["d"]]
    assert packs(["a" * 6, "b" * 4, "c"]) == [["a" * 6, "b" * 4], ["c"]]


def test_an_item_that_is_larger_than_a_request_goes_alone() -> None:
    assert packs(["a", "b" * 11, "c", "d"]) == [["a"], ["b" * 11], ["c", "d"]]


def test_where_there_is_nothing_for_now_what_there_is_goes() -> None:
    assert packs(["a", None, None, "b", None]) == [["a"], [], ["b"]]


def test_what_the_items_raise_comes_behind_the_last_of_them() -> None:
    def items() -> Iterator[str | None]:
        yield "a"
        raise OSError("unplugged")

    mine = packed(items(), len, most=3)

    assert next(mine) == ["a"]
    with pytest.raises(OSError, match="unplugged"):
        next(mine)
