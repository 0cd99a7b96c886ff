"""What of a request's trace goes on with it."""

from __future__ import annotations

import pytest

from broker.tracing.context import MOST, trace_headers, traceparent_of, tracestate_of

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LARGE = "large=" + "x" * 123  # 129 characters
LONGEST = "longest=" + "x" * 256
MANY = [f"k{number:03}={'x' * 95}" for number in range(6)]  # 100 characters each: five fit


def state(sent: str) -> str:
    return tracestate_of({b"tracestate": sent.encode("latin-1")})


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", id="as in the standard"),
        pytest.param("fw529a3039@dt=FfAAAA", id="a tenant of a system"),
        pytest.param("0tenant@s=1", id="a tenant may begin with a digit"),
        pytest.param("a-b_c*d/e=!~ +-<>.", id="all that a key and a value may have"),
        pytest.param(LONGEST, id="the longest value"),
        pytest.param(",".join(f"k{number}=v" for number in range(32)), id="as many as there may be"),
    ],
)
def test_it_goes_on_as_it_was_sent(sent: str) -> None:
    assert state(sent) == sent


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("", id="nothing"),
        pytest.param("rojo", id="a key alone"),
        pytest.param("rojo=1;congo=2=3", id="two equals"),
        pytest.param("Rojo=1", id="capitals"),
        pytest.param("1a=1", id="a vendor that begins with a digit"),
        pytest.param("a@b@c=1", id="two systems"),
        pytest.param("rojo=\xe9", id="no ASCII"),
        pytest.param("rojo=", id="an empty value"),
        pytest.param(LONGEST + "x", id="a value that is too long"),
        pytest.param("a=1,a=2", id="a key twice"),
        pytest.param(",".join(f"k{number}=v" for number in range(33)), id="more than there may be"),
    ],
)
def test_what_cannot_be_read_is_left_out_whole(sent: str) -> None:
    assert state(sent) == ""


def test_blanks_and_empty_members_are_none() -> None:
    assert state(" a=1 ,,\tb=2\t, ") == "a=1,b=2"


def test_where_there_is_too_much_what_is_large_goes_first() -> None:
    assert state(",".join([LARGE, *MANY[:4], "b=1"])) == ",".join([*MANY[:4], "b=1"])


def test_then_what_was_added_longest_ago() -> None:
    kept = state(",".join(MANY))

    assert kept == ",".join(MANY[:5])
    assert len(kept) <= MOST


def test_without_a_trace_it_is_worth_nothing() -> None:
    assert trace_headers({b"tracestate": b"a=1"}) == {}
    assert trace_headers({b"traceparent": b"00-0", b"tracestate": b"a=1"}) == {}
    assert trace_headers({b"traceparent": TRACE}) == {"traceparent": TRACE.decode()}
    assert traceparent_of({b"traceparent": TRACE}) == TRACE.decode()
