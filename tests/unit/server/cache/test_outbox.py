"""What waits for the cache's server is bounded in entries and bytes, and leaves a trip at a time."""

from __future__ import annotations

import pytest

from server.cache.outbox import LARGEST, MOST_BYTES, MOST_ENTRIES, TRIP_BYTES, CacheOutbox


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def filled(count: int, size: int = 1) -> CacheOutbox:
    outbox = CacheOutbox()
    assert all([outbox.put(name(number), b"x" * size, 1.0) for number in range(count)])
    return outbox


def test_what_was_put_first_leaves_first_with_its_time_in_milliseconds() -> None:
    outbox = CacheOutbox()
    outbox.put(b"a", b"1", 1.5)
    outbox.put(b"b", b"2", 60.0)

    assert outbox.take() == [(b"a", b"1", 1500), (b"b", b"2", 60_000)]
    assert not outbox


def test_one_that_comes_again_takes_the_place_of_the_one_before() -> None:
    outbox = CacheOutbox()
    outbox.put(b"a", b"1", 1.0)
    outbox.put(b"a", b"2", 2.0)

    assert outbox.take() == [(b"a", b"2", 2000)]


@pytest.mark.parametrize(
    ("data", "ttl"),
    [
        pytest.param(b"x" * (LARGEST + 1), 1.0, id="too large"),
        pytest.param(b"x", 0.0, id="over"),
        pytest.param(b"x", -1.0, id="long over"),
        pytest.param(b"x", 0.0009, id="less than the server can count"),
    ],
)
def test_what_cannot_be_kept_is_not_taken(data: bytes, ttl: float) -> None:
    outbox = CacheOutbox()

    assert not outbox.put(b"a", data, ttl)
    assert not outbox


def test_there_is_room_for_so_many_entries() -> None:
    outbox = filled(MOST_ENTRIES)

    assert not outbox.put(b"one more", b"x", 1.0)
    assert outbox.put(name(0), b"y", 1.0)


def test_there_is_room_for_so_many_bytes_and_again_once_they_have_left() -> None:
    outbox = filled(MOST_BYTES // LARGEST, LARGEST)
    assert not outbox.put(b"one more", b"x", 1.0)

    outbox.take()

    assert outbox.put(b"one more", b"x" * LARGEST, 1.0)


def test_a_trip_carries_so_many_bytes_and_the_rest_stays() -> None:
    outbox = filled(5, TRIP_BYTES // 2)

    assert [[put[0] for put in outbox.take()] for _ in range(3)] == [[name(0), name(1)], [name(2), name(3)], [name(4)]]


def test_what_is_thrown_away_is_counted_and_leaves_room() -> None:
    outbox = filled(3, LARGEST)

    assert outbox.clear() == 3
    assert outbox.clear() == 0
    assert all([outbox.put(name(number), b"x" * LARGEST, 1.0) for number in range(MOST_BYTES // LARGEST)])
