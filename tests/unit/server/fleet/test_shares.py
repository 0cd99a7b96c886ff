"""Which revision answers where an operator has shared out a model's requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from broker.admin.traffic import shared_out as spans_of
from broker.messages import FailureCode, Traffic, Verdict
from server.errors import Problem
from server.fleet.directory import Directory
from tests.unit.server.fleet.directories import NOW, seen, shared_out
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running, told

OLD, NEW, OTHER = (card(revision=revision) for revision in ("old", "new", "other"))
CALLERS = [f"caller-{number}" for number in range(2_000)]


def shares(sticky: Any = "", before: Traffic | None = None, **given: int) -> Traffic:
    """In percent."""
    return spans_of(before, {revision: part * 1_000 for revision, part in given.items()}, sticky)


def sharing(traffic: Traffic, *alive: Any, **rooms: int) -> Directory:
    live = [announced(one, since=float(at), room=rooms.get(one.revision, 8)) for at, one in enumerate(alive)]
    return seen(*live, traffic={"echo": traffic})


@pytest.mark.parametrize(
    ("given", "rooms", "expected"),
    [
        pytest.param({"new": 10}, {"new": 800}, {"new": 100, "old": 450, "other": 450}, id="whatever its room is"),
        pytest.param({"new": 10}, {"old": 16}, {"new": 100, "old": 600, "other": 300}, id="the rest goes by room"),
        pytest.param({"new": 1, "old": 2}, {}, {"new": 10, "old": 20, "other": 970}, id="two shares"),
        pytest.param({"new": 100}, {}, {"new": 1000}, id="all of it"),
        pytest.param({"new": 0}, {}, {"old": 500, "other": 500}, id="nothing"),
        pytest.param({"gone": 50, "new": 10}, {}, {"new": 100, "old": 450, "other": 450}, id="one that does not live"),
    ],
)
def test_each_revision_gets_its_share(given: Mapping[str, int], rooms: Mapping[str, int], expected: Any) -> None:
    directory = sharing(shares(**given), OLD, NEW, OTHER, **rooms)

    assert shared_out(directory, requests=1_000) == {
        name: pytest.approx(many, abs=8) for name, many in expected.items()
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"old": 20, "new": 60}, {"old": 250, "new": 750}, id="shares that leave some over, for nobody"),
        pytest.param({"old": 100, "new": 0}, {"old": 1000}, id="nothing is nothing"),
        pytest.param({"old": 0, "new": 0}, {"old": 500, "new": 500}, id="but somebody answers"),
        pytest.param({"other": 100, "new": 0}, {"old": 1000}, id="the others have that of one that does not live"),
    ],
)
def test_where_every_live_revision_has_a_share_what_is_left_goes_by_shares(
    given: Mapping[str, int], expected: Any
) -> None:
    directory = sharing(shares(**given), OLD, NEW)

    assert shared_out(directory, requests=1_000) == {
        name: pytest.approx(many, abs=8) for name, many in expected.items()
    }


def test_shares_of_one_model_are_no_other_models() -> None:
    directory = sharing(shares(new=100), OLD, NEW, card("b", revision="old"), card("b", revision="new"))

    assert shared_out(directory, "b") == {"old": pytest.approx(50, abs=2), "new": pytest.approx(50, abs=2)}


def sides_of(directory: Directory) -> dict[str, str]:
    return {caller: directory.named("echo", NOW, caller).card.revision for caller in CALLERS}


def test_a_caller_keeps_its_revision_at_every_front_end() -> None:
    one, other = sharing(shares("caller", new=10), OLD, NEW, OTHER), sharing(shares("caller", new=10), NEW, OLD, OTHER)

    first = sides_of(one)

    assert sides_of(one) == first
    assert {caller for caller in CALLERS if first[caller] == "new"} == {
        caller for caller, revision in sides_of(other).items() if revision == "new"
    }
    assert Counter(first.values())["new"] == pytest.approx(200, abs=41)  # three sigmas


def test_a_larger_share_only_brings_callers_towards_it() -> None:
    tenth = shares("caller", new=10, other=10)
    before = sides_of(sharing(tenth, OLD, NEW, OTHER))

    after = sides_of(sharing(shares("caller", before=tenth, new=40, other=10), OLD, NEW, OTHER))

    moved = {(before[caller], after[caller]) for caller in CALLERS if before[caller] != after[caller]}
    assert moved == {("old", "new")}


@pytest.mark.parametrize("caller", ["", "anonymous"])
def test_who_has_no_name_is_dealt_out_by_request(caller: str) -> None:
    directory = sharing(shares("caller", new=50), OLD, NEW)

    assert {directory.named("echo", NOW, caller).card.revision for _ in range(20)} == {"old", "new"}


def test_a_revision_that_is_named_answers_whatever_the_shares_are() -> None:
    directory = sharing(shares(new=100), OLD, NEW)

    assert {directory.named("echo@old", NOW).card.revision for _ in range(20)} == {"old"}
    assert directory.for_task("echoing", "echo@old", NOW).card == OLD


def test_a_revision_that_was_there_is_waited_for_and_one_that_never_was_is_unknown() -> None:
    before = sharing(shares(), OLD, NEW)
    directory = seen(announced(NEW), before=before)

    refusals = []
    for name in ("echo@old", "echo@olden", "nobody@old"):
        with pytest.raises(Problem) as caught:
            directory.named(name, NOW)
        refusals.append(caught.value)

    assert [problem.code for problem in refusals] == ["no_batcher", "unknown_model", "unknown_model"]
    assert all("echo@new" in str(problem.detail) for problem in refusals[:2])


def two(traffic: Traffic, **more: Any) -> ScriptedBroker:
    live = [announced(OLD, since=2.0, room=8), announced(NEW, since=1.0, room=8)]
    return ScriptedBroker(live, traffic={"echo": traffic}, **more)


class Full(ScriptedBroker):
    """Some revisions have no room."""

    full = ("new",)
    refused = Verdict(refusal=FailureCode.CONTENDED, waiting=9)

    async def admit(self, sequence, requests, cancelled):
        verdicts = await super().admit(sequence, requests, cancelled)
        wanted = [request.model.partition("@")[2] for request in requests]
        for at, revision in enumerate(wanted):
            if revision in self.full:
                self.outbox = [one for one in self.outbox if one.job_id != requests[at].jobs[0].id]
        return [self.refused if one in self.full else verdict for one, verdict in zip(wanted, verdicts, strict=True)]


def full(traffic: Traffic | None) -> Full:
    broker = Full([announced(OLD, since=2.0, room=8), announced(NEW, since=1.0, room=8)])
    broker.traffic = {"echo": traffic} if traffic else {}
    return broker


@pytest.mark.anyio
async def test_what_a_revision_has_no_room_for_the_others_get() -> None:
    async with running(full(shares(new=100))) as jitney:
        answers = [await jitney.ask("one") for _ in range(3)]
        overflows = jitney.front_end.tasks.discovery.overflows

    assert [answer.status_code for answer in answers] == [200] * 3
    assert {answer.headers["jitney-model"] for answer in answers} == {"echo@old"}
    assert overflows == {("echo", "new"): 3}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("given", "name"),
    [
        pytest.param({"new": 100}, "echo@new", id="a request that names it"),
        pytest.param({"new": 100, "old": 0}, "echo", id="where the others are to have nothing"),
    ],
)
async def test_nobody_gets_what_may_go_nowhere_else(given: Mapping[str, int], name: str) -> None:
    async with running(full(shares(**given))) as jitney:
        answer = await jitney.ask("one", path=f"/models/{name}")

        assert told(answer) == (429, "contended")


@pytest.mark.anyio
async def test_without_shares_a_refusal_is_one() -> None:
    async with running(full(None)) as jitney:
        codes = {(await jitney.ask("one")).status_code for _ in range(20)}

        assert codes == {200, 429}


@pytest.mark.anyio
async def test_where_no_revision_has_room_the_caller_is_told_so() -> None:
    broker = full(shares(new=50))
    broker.full = ("new", "old")
    async with running(broker) as jitney:
        assert told(await jitney.ask("one")) == (429, "contended")


@pytest.mark.anyio
async def test_a_caller_that_may_not_ask_for_more_is_sent_to_nobody_else() -> None:
    broker = full(shares(new=100))
    broker.refused = Verdict(refusal=FailureCode.RATE_LIMITED)
    async with running(broker) as jitney:
        assert (await jitney.ask("one")).status_code == 429
        assert {request.model for _, requests, _ in broker.trips for request in requests} == {"echo@new"}


@pytest.mark.anyio
async def test_requests_are_counted_by_revision_and_code_while_there_are_shares() -> None:
    async with running(two(shares(new=50))) as jitney:
        for text in ("one", "two", "fail:model_error", "fail:model_error"):
            await jitney.ask(text)
        jitney.broker.traffic = {}
        await jitney.look()
        await jitney.ask("three")
        metrics = jitney.front_end.metrics

    counts = {("echo", revision, code): 1 for revision in ("new", "old") for code in ("ok", "model_error")}
    assert metrics.by_revision == counts
    assert sum(one.total for one in metrics.revision_durations.values()) > 0


@pytest.mark.anyio
async def test_a_request_that_names_a_revision_is_not_answered_by_the_one_after_it() -> None:
    async with running(two(shares(), answers=False)) as jitney, jitney.asked("one", path="/models/echo@old") as asked:
        jitney.broker.announcements = [announced(OLD, since=2.0, batchers=0), announced(NEW, since=1.0)]
        await jitney.look()

        assert told(await asked) == (503, "no_batcher")


@pytest.mark.anyio
async def test_a_broker_that_came_back_empty_is_told_the_shares_and_requests_go_by_them_meanwhile() -> None:
    tenth = shares(new=10)
    async with running(two(tenth)) as jitney:
        jitney.broker.epoch, jitney.broker.traffic = "second", {}
        await jitney.look()

        assert (jitney.broker.traffic, dict(jitney.front_end.directory.traffic)) == ({"echo": tenth}, {"echo": tenth})


@pytest.mark.anyio
async def test_shares_that_are_taken_away_are_not_brought_back() -> None:
    async with running(two(shares(new=10))) as jitney:
        jitney.broker.traffic = {}
        await jitney.look()

        assert (jitney.broker.traffic, dict(jitney.front_end.directory.traffic)) == ({}, {})


@pytest.mark.anyio
async def test_an_alias_may_name_a_revision_too() -> None:
    async with running(two(shares()), alias="mirror=echo") as jitney:
        answer = await jitney.ask("one", path="/models/mirror@old")

        assert answer.headers["jitney-model"] == "echo@old"


@pytest.mark.anyio
async def test_a_request_is_given_to_a_revision_before_the_cache_is_asked() -> None:
    async with running(two(shares(new=50)), cache_bytes=1 << 20) as jitney:
        answers = [await jitney.ask("one") for _ in range(8)]

    found = Counter((one.headers["jitney-model"], "hit" in one.headers["cache-status"]) for one in answers)
    assert [found[f"echo@{name}", False] for name in ("old", "new")] == [1, 1]
    assert found["echo@old", True] and found["echo@new", True]
