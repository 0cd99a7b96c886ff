"""What a request says of the cache, and what its answer says."""

from __future__ import annotations

import pytest

from server.cache.directives import Directives, Told, directives


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Directives()),
        (b"", Directives()),
        (b"no-store", Directives(reads=False, writes=False)),
        (b"No-Cache", Directives(reads=False)),
        (b"max-age=0", Directives(reads=False, most_age=0.0)),
        (b'max-age="30", max-age=20', Directives(most_age=20.0)),
        (b"max-age=-1", Directives()),
        (b"max-age=99999999999999999999", Directives()),
        (b"only-if-cached, max-stale=5", Directives(only_if_cached=True)),
        (b"private, x=\xff", Directives()),
    ],
)
def test_each_directive_is_followed_and_others_are_passed_over(header: bytes | None, expected: Directives) -> None:
    assert directives(header) == expected


@pytest.mark.parametrize(
    ("told", "wanted", "expected"),
    [
        (Told(), Directives(), b""),
        (Told(hits=2, ttl=9.9), Directives(), b"jitney; hit; ttl=9"),
        (Told(misses=1, stored=1), Directives(), b"jitney; fwd=miss; stored"),
        (Told(misses=1), Directives(), b"jitney; fwd=miss"),
        (Told(hits=1, misses=1, stored=1), Directives(), b'jitney; fwd=partial; stored; detail="1/2"'),
        (Told(joined=1), Directives(), b"jitney; fwd=miss; collapsed"),
        (Told(bypassed=1), Directives(reads=False, writes=False), b"jitney; fwd=bypass"),
        (Told(misses=1, stored=1), Directives(reads=False), b"jitney; fwd=request; stored"),
        (Told(misses=1, aged=1), Directives(most_age=1.0), b"jitney; fwd=request"),
    ],
)
def test_the_status_says_what_was_found(told: Told, wanted: Directives, expected: bytes) -> None:
    assert told.status(wanted) == expected
