"""What clients say of when they want an answer, as it is read."""

from __future__ import annotations

import pytest

from server.errors import Problem
from server.predictions.prefer import applied, digest, key_of, wait_before_202, wait_of


@pytest.mark.parametrize(
    ("sent", "wait"),
    [
        ([b"respond-async"], 0.0),
        ([b"Respond-Async , wait=10"], 10.0),
        ([b"wait=10", b"respond-async"], 10.0),
        ([b'respond-async; foo=bar, wait="3"'], 3.0),
        ([b"respond-async, wait=100000"], 30.0),
        ([b"respond-async, wait=-1"], 0.0),
        ([b"respond-async, wait=x"], 0.0),
        ([b"respond-async, wait=99999999999999999999"], 30.0),
        ([b"respond-async, wait=1, wait=9"], 1.0),
        ([b"wait=10"], None),
        ([b"respond-asynchronously"], None),
        ([b'handling="a, respond-async, b"'], None),
        ([b'a="\\", respond-async, ", respond-async, wait=2'], 2.0),
        ([b'a="never closed, respond-async'], None),
        ([b'a="never closed \\'], None),
        ([b""], None),
    ],
    ids=str,
)
def test_how_long_a_client_waits_before_it_takes_a_202(sent: list[bytes], wait: float | None) -> None:
    assert wait_before_202(sent) == wait


def test_what_was_applied_is_said_in_the_same_words() -> None:
    assert (applied(0.0), applied(10.0)) == ("respond-async", "respond-async, wait=10")


@pytest.mark.parametrize(("query", "wait"), [(None, 0.0), ("0", 0.0), ("2.5", 2.5), ("31", 30.0), ("1e300", 30.0)])
def test_a_wait_is_a_number_of_seconds_up_to_thirty(query: str | None, wait: float) -> None:
    assert wait_of(query) == wait


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, b""),
        (b"k", b"k"),
        (b'"k"', b"k"),
        (b' "k" ', b"k"),
        (rb'"a \"b\" \\"', rb'a "b" \ '[:-1]),
        (b"8e03978e-40d5-43dd-bc93-6894a57f9324", b"8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (b"k" * 255, b"k" * 255),
    ],
    ids=str,
)
def test_a_key_is_the_same_quoted_and_bare(header: bytes | None, key: bytes) -> None:
    assert key_of(header) == key


@pytest.mark.parametrize("header", [b"", b" ", b'""', b'"k', b"k" * 256], ids=len)
def test_what_is_no_key_is_refused(header: bytes) -> None:
    with pytest.raises(Problem, match="Idempotency-Key"):
        key_of(header)


def test_parts_of_a_digest_do_not_run_together() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
