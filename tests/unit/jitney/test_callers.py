"""What status shows of callers: turns, limits, refusals; nothing where nobody has a key."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from broker.admin.callers import CALLERS_SHOWN, pressing, unread, used
from broker.admin.overview import CallersOverview, LaneOverview
from broker.credentials.credential import list_of
from broker.credentials.policies import parse_policies, spell_policy
from broker.messages import Lane
from jitney.admin.callers import expiry
from jitney.admin.status import status_facts, status_lines
from tests.unit.jitney.snapshots import callers, credential, model, snapshot

ALICE, BOB, CAROL = "a" * 12, "d" * 12, "carolcarolca"


def with_lists(**jobs_by_list: int):
    """A model in whose interactive lane these lists hold jobs."""
    lists = [jobs_by_list.get(f"l{number}", 0) for number in range(8)]
    return replace(model(), lanes=[LaneOverview(lane=Lane.INTERACTIVE, jobs=sum(lists), lists=lists)])


def row(lines: list[str], word: str) -> list[str]:
    [found] = [line for line in lines if line.split()[:1] == [word]]
    return found.split()


def test_without_keys_there_is_no_line() -> None:
    lines = status_lines(snapshot(with_lists(l0=5)), None)

    assert not [line for line in lines if "keys" in line or "CALLER" in line or "LIST" in line]


def test_each_limit_of_a_caller_is_shown_with_what_is_left_and_how_often_it_refused() -> None:
    alice = credential(ALICE, name="alice", weight=3, limits="600 jobs/min, 4 at once")
    seen = snapshot(model(), callers=callers(alice, refused={ALICE: {"jobs": 12}}, left={"jobs": 40}))

    lines = status_lines(seen, None)

    at = next(at for at, line in enumerate(lines) if line.startswith(ALICE))
    rest = ["12", "3", str(list_of(ALICE)), "0", "never"]
    assert lines[at].split() == [ALICE, "alice", "600", "jobs/min", "40", "of", "600", *rest]
    assert lines[at + 1].split() == ["4", "at", "once", "4", "of", "4", "0"]
    assert "keys       1 kept · 12 requests refused by limits" in lines


def test_whoever_has_no_key_of_the_brokers_is_shown_by_the_policy_that_refused_it() -> None:
    lines = status_lines(snapshot(callers=callers(refused={"anonymous@ab": {"requests": 7}})), None)

    assert row(lines, "anonymous@ab") == ["anonymous@ab", "–", "requests", "–", "7", "–", "–", "–", "–"]


def test_a_list_that_holds_jobs_is_shown_with_those_who_may_be_in_it() -> None:
    number = list_of(ALICE)
    keys = [credential(ALICE, name="alice"), credential(BOB, name="bob")]
    seen = snapshot(with_lists(**{f"l{number}": 7, "l0": 2}), callers=callers(*keys))

    rows = [line.split() for line in status_lines(seen, None) if line.startswith("toy@r1  interactive  ")]

    assert ["toy@r1", "interactive", "alice", str(number), "7"] in rows
    assert any(line[2:6] == ["whoever", "has", "no", "key"] for line in rows)


def test_no_line_of_callers_is_wider_than_the_terminal() -> None:
    keys = [credential(ALICE, name="a name that is very long indeed, for people", limits="600 jobs/min")]
    seen = snapshot(with_lists(l3=7), callers=callers(*keys))

    assert all(len(line) <= 60 for line in status_lines(seen, 60))


def test_names_of_keys_give_no_orders_to_a_terminal() -> None:
    seen = snapshot(model(), callers=callers(credential(ALICE, name="a\x1b[2J\nb")))

    assert all(line.isprintable() for line in status_lines(seen, None))


def test_programs_get_the_same_as_people_and_no_hash() -> None:
    alice = credential(ALICE, name="alice", limits="600 jobs/min")
    seen = snapshot(model(), callers=callers(alice, refused={ALICE: {"jobs": 12}}, left={"jobs": 40}))

    told = json.dumps(status_facts(seen))

    [one] = json.loads(told)["callers"]["callers"]
    assert one["limits"] == [{"policy": "jobs", "quota": 600, "left": 40, "refused": 12}]
    assert (one["id"], one["name"], one["weight"], one["disabled"]) == (ALICE, "alice", 1, False)
    assert alice.hash not in told


def test_who_was_refused_stands_before_whose_list_waits_and_those_before_others() -> None:
    idle = next(id for id in (f"idle{letter * 8}" for letter in "bcdefgh") if list_of(id) != list_of(BOB))
    keys = {id: credential(id) for id in (idle, BOB, CAROL)}
    seen = CallersOverview(keys=3, version="1", credentials=keys, refused={CAROL: {"jobs": 1}})

    shown = pressing(seen, [with_lists(**{f"l{list_of(BOB)}": 2})])

    assert [one.id for one in shown] == [CAROL, BOB, idle]


def test_no_more_than_twenty_are_shown_and_the_others_are_counted() -> None:
    keys = [credential(f"key{'abcdefghij'[at // 10]}{'abcdefghij'[at % 10]}aaaaaaa") for at in range(25)]

    lines = status_lines(snapshot(model(), callers=callers(*keys)), None)

    assert sum(line.startswith("key") and "aaaaaaa" in line for line in lines) == CALLERS_SHOWN
    assert lines[-1].startswith("5 more: ")


def test_of_an_incomplete_look_those_who_were_refused_and_not_read_are_asked_for() -> None:
    seen = CallersOverview(keys=9, credentials={ALICE: credential(ALICE)}, refused={BOB: {"jobs": 1}, ALICE: {"x": 9}})

    assert unread(seen) == []
    assert unread(replace(seen, is_complete=False)) == [BOB]


@pytest.mark.parametrize(
    ("limit", "answer", "now", "amount"),
    [
        ("60 jobs/min", b"30.000 1000000", 1010.0, 20.0),
        ("60 jobs/min", b"30.000 1000000", 990.0, 30.0),
        ("60 jobs/min", b"30.000 1000000", 5000.0, 0.0),
        ("60 jobs/min", None, 5000.0, 0.0),
        ("60 jobs/min", b"rubbish", 5000.0, 0.0),
        ("60 jobs/day", b"30.000 1000000", 86_399.0, 30.0),
        ("60 jobs/day", b"30.000 1000000", 86_401.0, 0.0),
        ("4 at once", 3, 1.0, 3.0),
    ],
)
def test_what_is_used_is_reckoned_as_admission_does(limit: str, answer: object, now: float, amount: float) -> None:
    [policy] = parse_policies(limit)

    assert used(policy, answer, now) == pytest.approx(amount)


@pytest.mark.parametrize("limit", ["600 jobs/min", "1 requests/s", "9 tokens/h", "5 jobs/day", "4 at once"])
def test_a_policy_is_spelled_as_operators_do(limit: str) -> None:
    [policy] = parse_policies(limit)

    assert spell_policy(policy) == limit


@pytest.mark.parametrize(
    ("expires", "is_disabled", "said"),
    [(0.0, False, "never"), (86_400.0, False, "1970-01-02"), (500.0, False, "expired"), (0.0, True, "disabled")],
)
def test_why_and_when_a_key_ends(expires: float, is_disabled: bool, said: str) -> None:
    assert expiry(expires, 1000.0, is_disabled) == said
