"""What people are shown of shares of traffic, and what they are told to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from broker.admin.overview import Overview
from broker.admin.traffic import shared_out
from broker.messages import Presence, Speed
from jitney.admin.alerts import alerts
from jitney.admin.status import status_facts, status_lines
from jitney.traffic.shown import traffic_facts, traffic_lines
from tests.unit.jitney.snapshots import batcher, model, overview, snapshot


def here(new: int, old: int, **more: Any) -> dict[str, Any]:
    """Batchers of ten jobs a second each."""
    who = ["new"] * new + ["old"] * old
    beats = [
        Presence(batcher=str(at), model=f"toy@{one}", speed=Speed(fixed=0.1), room=1) for at, one in enumerate(who)
    ]
    return {"batchers": [type(batcher())(presence=one, beat_age=0.1, is_live=True) for one in beats], **more}


def seen(new: int, old: int, sticky: Any = "", /, **shares: int) -> Overview:
    traffic = {"toy": shared_out(None, {name: part * 1_000 for name, part in shares.items()}, sticky)}
    return overview(model("toy@new", batchers=new), model("toy@old", batchers=old), **here(new, old, traffic=traffic))


def said(of: Overview) -> list[str]:
    return [f"{alert.said}; {alert.remedy}" for alert in alerts(of) if alert.about == "model toy"]


def test_every_revision_is_shown_with_its_share_and_what_it_carries() -> None:
    lines = traffic_lines(seen(1, 2, "caller", new=10), ["toy"], None)

    assert [line.split() for line in lines] == [
        ["MODEL", "REVISION", "SHARE", "STAYS", "LIVE", "CARRIES"],
        ["toy", "new", "10%", "caller", "1", "10/s"],
        ["old", "by", "room", "2", "20/s"],
    ]


def test_programs_are_told_parts_of_one() -> None:
    rows = [
        {"revision": "new", "share": 0.1, "batchers": 1, "jobs_per_second": 10.0},
        {"revision": "old", "share": None, "batchers": 2, "jobs_per_second": 20.0},
    ]

    assert traffic_facts(seen(1, 2, new=10), ["toy"]) == {"toy": {"sticky": None, "revisions": rows}}


def test_status_shows_shares_where_there_are_some() -> None:
    there = snapshot(model("toy@new"), model("toy@old"), **here(1, 1, traffic=seen(1, 1, new=10).traffic))

    assert any("by room" in line for line in status_lines(there, None))
    assert status_facts(there)["traffic"].keys() == {"toy"}
    assert not any("SHARE" in line for line in status_lines(snapshot(model("toy@new")), None))


def test_two_revisions_that_share_traffic_are_meant() -> None:
    assert said(seen(1, 1, new=10)) == []
    assert "2 revisions of it live" in said(overview(model("toy@new"), model("toy@old"), **here(1, 1)))[0]


def test_a_share_that_its_batchers_cannot_carry_is_said_with_when_it_is_full() -> None:
    [alert] = said(seen(1, 9, new=50))

    assert "new carries 10 jobs a second and is given 50%: beyond 20 a second in all it is full" in alert
    assert "start more batchers of it, or change the shares (jitney traffic toy)" in alert


def test_what_is_left_for_those_without_a_share_may_be_more_than_they_carry_too() -> None:
    [one] = said(seen(9, 1, new=10))
    here = Presence(batcher="x", model="toy@older", speed=Speed(fixed=0.1), room=1)
    live = type(batcher())(presence=here, beat_age=0.1, is_live=True)
    three = seen(9, 1, new=10)
    three = replace(three, models=[*three.models, model("toy@older")], batchers=[*three.batchers, live])
    [several] = said(three)

    assert "old carries 10 jobs a second and is given 90%: beyond 11 a second in all it is full" in one
    assert "old, older carry 20 jobs a second and are given 90%: beyond 22 a second in all they are full" in several


def test_a_share_of_a_revision_that_does_not_live_is_said() -> None:
    [alert] = said(seen(0, 1, new=50))

    assert "50% of its requests are meant for new, which has no live batcher" in alert
    assert "jitney traffic toy --clear" in alert


def test_shares_that_cannot_be_read_are_said_with_what_mends_them() -> None:
    [alert] = said(overview(model("toy@new"), bad_traffic={"toy": "no"}))

    assert "its shares of traffic are ignored: no; jitney traffic toy --clear" in alert


def test_none_of_it_leaves_anybody_without_an_answer() -> None:
    assert not any(alert.is_serious for alert in alerts(seen(1, 9, new=50, due=10)) if alert.about == "model toy")
