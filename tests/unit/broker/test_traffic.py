"""Shares of a model's requests: as people write them, as they are kept, and who moves when they change."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batcher.models.card import REVISION_DIGITS
from broker.admin.sides import burdens, sides
from broker.admin.traffic import DIGITS, in_full, parse_shares, percent, shared_out
from broker.errors import WireError
from broker.messages import WHOLE, Presence, Span, Speed, Traffic
from broker.registry import decode_traffic, encode_traffic
from tests.unit.jitney.snapshots import batcher, model, overview

A, B, C = "a" * 12, "ab" * 6, "c" * 12
SPOILED = ("", "10", "x%", "%", "-1%", "101%", "0.0001%", "nan%", "inf%", "1e9%", "1e999999%")
SHARES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, WHOLE // 4))


def at(traffic: Traffic) -> list[str]:
    """Whose each thousandth of the line is."""
    ends = [sum(span.parts for span in traffic.spans[: place + 1]) for place in range(len(traffic.spans))]
    points = range(0, WHOLE, 1000)
    return [next(span.revision for span, end in zip(traffic.spans, ends, strict=True) if at < end) for at in points]


@pytest.mark.parametrize(
    ("text", "parts"), [("10%", 10_000), ("0%", 0), ("100%", WHOLE), ("0.5%", 500), ("33.333%", 33_333)]
)
def test_a_share_is_a_percentage(text: str, parts: int) -> None:
    assert parse_shares([f"r1={text}"]) == {"r1": parts}
    assert f"{float(percent(parts)[:-1]):g}%" == text


@pytest.mark.parametrize(
    "text",
    ["r1", "=10%", *map("r1={}".format, SPOILED)],
)
def test_what_is_no_share_is_said_with_how_one_is_spelled(text: str) -> None:
    with pytest.raises(ValueError, match="REVISION=10%"):
        parse_shares([text])


@pytest.mark.parametrize(
    ("texts", "said"), [(["r1=60%", "r2=41%"], "these come to 101%"), (["r1=1%", "r1=2%"], "'r1' is named twice")]
)
def test_shares_that_contradict_each_other_are_said(texts: Sequence[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_shares(texts)


def test_the_beginning_of_a_revision_is_enough_where_one_alone_begins_so() -> None:
    assert in_full("toy", {"aaa": 1, "c": 2}, [A, B, C]) == {A: 1, C: 2}
    assert in_full("toy", {"r1": 1}, ["r1", "r10"]) == {"r1": 1}


def test_a_revision_in_full_need_not_be_there_yet() -> None:
    assert in_full("toy", {C: 1}, [A]) == {C: 1}
    assert DIGITS == REVISION_DIGITS


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"a": 1}, f"several revisions of toy begin with 'a': {A}, {B}; write more of it"),
        ({"d": 1}, f"no revision of toy begins with 'd'; known are: {A}, {B}.*in full: 12 digits"),
        ({"aa": 1, "aaa": 1}, f"toy@{A} is named twice"),
    ],
)
def test_a_revision_that_cannot_be_told_is_said_with_those_that_are(wanted: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        in_full("toy", wanted, [A, B])


@given(SHARES, SHARES, SHARES)
def test_nobody_moves_but_to_a_share_that_grows_and_from_one_that_shrinks(
    first: dict[str, int], second: dict[str, int], third: dict[str, int]
) -> None:
    before = shared_out(shared_out(None, first, ""), second, "")

    after = shared_out(before, third, "caller")

    assert after.shares == third
    assert sum(span.parts for span in after.spans) == WHOLE
    for one, other in zip(at(before), at(after), strict=True):
        shrank = one and third.get(one, 0) < second[one]
        grew = other and third[other] > second.get(other, 0)
        assert one == other or ((not one or shrank) and (not other or grew))


def test_a_share_that_is_taken_back_leaves_everybody_where_they_were() -> None:
    tenth = shared_out(shared_out(None, {"a": 10_000}, ""), {"a": 10_000, "b": 5_000}, "")

    more = shared_out(tenth, {"a": 40_000, "b": 5_000}, "")

    assert shared_out(more, {"a": 10_000, "b": 5_000}, "") == tenth


def test_shares_are_kept_as_a_line_that_people_can_read() -> None:
    traffic = shared_out(None, {A: 10_000, B: 0}, "caller")

    assert decode_traffic(encode_traffic(traffic)) == traffic
    assert b'"sticky":"caller"' in encode_traffic(traffic)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"spans":[]}',
        b'{"spans":[{"parts":99999}]}',
        b'{"spans":[{"parts":-1,"revision":"a"},{"parts":100001}]}',
        b'{"spans":[{"parts":100000}],"sticky":"moon"}',
        b"[" * 10_000,
    ],
)
def test_what_are_no_shares_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_traffic(data)


def test_a_field_of_a_newer_release_is_ignored() -> None:
    assert decode_traffic(b'{"spans":[{"parts":100000}],"colour":"red"}') == Traffic(spans=(Span(parts=WHOLE),))


def test_a_model_has_a_side_for_each_share_and_for_each_other_live_revision() -> None:
    seen = overview(
        model("toy@old"), model("toy@new"), model("toy@gone", batchers=0), model("other@x"),
        batchers=[batcher("1", model="toy@old"), batcher("2", model="toy@old"), batcher("3", model="toy@new")],
        traffic={"toy": shared_out(None, {"new": 10_000, "due": 5_000}, "")},
    )  # fmt: skip

    found = [(one.revision, one.parts, one.batchers) for one in sides(seen, "toy")]

    assert found == [("new", 10_000, 1), ("due", 5_000, 0), ("old", None, 2)]


def carried(new: int, old: int, share: int, *, speed: float = 0.1) -> list[tuple[str, float]]:
    """Who gets more than its batchers carry, with the load beyond which they are full, of 10 jobs/s a batcher."""
    rows = ["new"] * new + ["old"] * old
    here = [
        Presence(batcher=str(at), model=f"toy@{who}", speed=Speed(fixed=speed), room=1) for at, who in enumerate(rows)
    ]
    batchers = [type(batcher())(presence=one, beat_age=0.1, is_live=True) for one in here]
    traffic = {"toy": shared_out(None, {"new": share}, "")}
    seen = overview(model("toy@new"), model("toy@old"), batchers=batchers, traffic=traffic)
    return [(revision, round(one.most)) for one in burdens(seen, "toy") for revision in one.revisions]


@pytest.mark.parametrize(
    ("new", "old", "share", "expected"),
    [
        (1, 9, 10_000, []),
        (1, 9, 11_000, []),  # full at 91 of 100 jobs a second
        (1, 9, 11_200, [("new", 89)]),
        (1, 9, 50_000, [("new", 20)]),
        (1, 1, 50_000, []),
        (1, 1, 10_000, []),
        (1, 1, 0, []),
        (1, 0, 10_000, []),
        (2, 1, 10_000, [("old", 11)]),  # what is left
        (9, 1, 90_000, []),
        (9, 0, 10_000, []),  # what is left comes to it as well
        (0, 1, 90_000, []),
    ],
)
def test_a_share_is_too_much_where_it_is_full_long_before_all_are(
    new: int, old: int, share: int, expected: list[tuple[str, float]]
) -> None:
    assert carried(new, old, share) == expected


def test_nothing_is_said_of_speeds_that_nobody_has_measured() -> None:
    assert carried(1, 9, 50_000, speed=0.0) == []
