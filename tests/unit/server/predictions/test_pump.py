"""A large prediction goes out in portions, is kept as far as it is, and is answered as if its client had waited."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from broker.messages import FailureCode, Verdict
from broker.predictions.contract import MOST_ROWS
from server.codecs.contract import Plan
from server.dialects.contract import Call
from server.dialects.native import ByName
from server.fleet.directory import Directory
from server.predictions import keeper
from server.predictions.large import progress, pump
from server.requests.request import Record
from tests.unit.server.predictions.asking import ASYNC, ended, result
from tests.unit.server.stand_in import ScriptedBroker, announced, answered, card, running, told

pytestmark = pytest.mark.anyio

ROOM = 4
MOST = 2 * ROOM  # jobs that are out at once
TEXTS = [f"text{number}" for number in range(40)]
MIXED = [*TEXTS, "impossible", "fail:model_error", "undecodable", "cut", "", "two words"]


class Slow(ScriptedBroker):
    """Answers so many jobs as a test says, oldest first."""

    def __init__(self, *cards, **fields) -> None:
        super().__init__([announced(one, room=ROOM) for one in cards or [card()]], answers=False, **fields)
        self.told = 0

    @property
    def out(self) -> int:
        """Jobs that were brought and not answered."""
        return len(self.jobs) - self.told

    def answer(self, count: int = 1) -> None:
        jobs = self.jobs[self.told :][:count]
        self.told += len(jobs)
        self.publish(*map(answered, jobs))

    @property
    def asked(self) -> list[str]:
        """The texts that were brought, of one word each."""
        return [job.input.partition(":")[2] for job in self.jobs]


async def settled(jitney) -> None:
    """As many turns as anything takes that needs no answer."""
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.fixture
def at_once(monkeypatch):
    """No pause before a refused portion is tried again, and what has ended is kept in a moment."""
    monkeypatch.setattr(pump, "whole_seconds", lambda wait: 0)
    monkeypatch.setattr(progress, "PERIOD", 0.0)


async def answer_all(jitney, accepted) -> None:
    """Whatever is brought, until the prediction has ended."""
    waiting = asyncio.create_task(ended(jitney, accepted))
    while not waiting.done():
        jitney.broker.answer(3)
        await asyncio.sleep(0)
    await waiting


async def test_no_more_is_out_than_two_rooms_full_and_the_next_follows_as_it_ends():
    async with running(Slow()) as jitney:
        accepted = await jitney.ask(*TEXTS, headers=ASYNC)
        deepest = []
        waiting = asyncio.create_task(ended(jitney, accepted))
        while not waiting.done():
            await settled(jitney)
            deepest.append(jitney.broker.out)
            jitney.broker.answer(2)

        assert (deepest[0], max(deepest)) == (MOST, MOST)
        assert (await waiting)["status"] == "succeeded"
        assert sorted(jitney.broker.asked) == sorted(TEXTS)


async def test_one_that_fits_into_the_room_goes_out_whole_whatever_large_ones_have_out():
    async with running(Slow()) as jitney:
        await jitney.ask(*TEXTS, headers=ASYNC)
        await settled(jitney)

        await jitney.ask(*"abcd", headers=ASYNC)

        await settled(jitney)
        assert jitney.broker.out == MOST + ROOM
        assert jitney.broker.asked[-ROOM:] == ["a", "b", "c", "d"]


async def test_two_large_ones_share_the_lane():
    async with running(Slow()) as jitney:
        await jitney.ask(*TEXTS, headers=ASYNC)
        await settled(jitney)
        await jitney.ask(*["other"] * 40, headers=ASYNC)
        for _ in range(8):
            await settled(jitney)
            jitney.broker.answer(2)
        await settled(jitney)

        assert jitney.broker.out == MOST
        assert jitney.broker.asked.count("other") >= 6


async def test_its_result_is_that_of_a_call_that_waits(at_once):
    async with running(Slow()) as jitney:
        jitney.broker.answers = True
        waited = await jitney.ask(*MIXED, toLang="en")
        jitney.broker.told, jitney.broker.answers = len(jitney.broker.jobs), False

        accepted = await jitney.ask(*MIXED, toLang="en", headers=ASYNC)
        await answer_all(jitney, accepted)

        fetched = await result(jitney, accepted)
        assert (fetched.status_code, fetched.content) == (200, waited.content)
        assert fetched.headers["jitney-model"] == waited.headers["jitney-model"]
        document = await ended(jitney, accepted)
        assert (document["done"], document["failed"]) == (len(MIXED) - 3, 3)


async def test_one_whose_records_all_fail_is_the_problem_of_the_first(at_once):
    async with running(Slow()) as jitney:
        accepted = await jitney.ask("impossible", *["fail:model_error"] * 30, headers=ASYNC)
        await answer_all(jitney, accepted)

        assert told(await result(jitney, accepted)) == (422, "invalid_input")


async def test_how_far_it_is_can_be_seen_meanwhile(at_once):
    async with running(Slow()) as jitney:
        accepted = await jitney.ask("impossible", *TEXTS, headers=ASYNC)
        await settled(jitney)
        jitney.broker.answer(3)  # one portion is two jobs
        await jitney.until(lambda: jitney.broker.predictions._all[accepted.json()["id"]].rows)

        seen = (await jitney.client.get(accepted.headers["location"])).json()

        assert (seen["status"], seen["done"], seen["failed"]) == ("running", 2, 1)


async def test_one_that_ends_within_a_moment_keeps_no_rows(monkeypatch):
    async with running(ScriptedBroker([announced(card(), room=ROOM)])) as jitney:
        monkeypatch.setattr(jitney.broker.predictions, "add_rows", None)  # whoever calls it fails
        accepted = await jitney.ask(*TEXTS, headers=ASYNC)

        assert (await result(jitney, accepted)).status_code == 200


async def test_a_portion_that_is_refused_is_tried_again_and_no_other(at_once):
    async with running(Slow()) as jitney:
        accepted = await jitney.ask(*TEXTS, headers=ASYNC)
        await settled(jitney)
        jitney.broker.answer(MOST)
        jitney.broker.verdict = Verdict(refusal=FailureCode.CONTENDED, waiting=1)
        before = jitney.broker.told
        await jitney.until(lambda: len(jitney.broker.jobs) > before + MOST)  # refused more than once
        refused = len(jitney.broker.jobs) - before
        jitney.broker.verdict = Verdict(waiting=1)
        jitney.broker.told = len(jitney.broker.jobs)  # nobody has those
        await answer_all(jitney, accepted)

        assert (await result(jitney, accepted)).json()["result"][-1]["text"] == TEXTS[-1].upper()
        assert len(jitney.broker.asked) <= len(TEXTS) + refused
        assert all(jitney.broker.asked.count(text) == 1 for text in TEXTS[:MOST])


async def adopted_by(jitney, accepted, kept: int):
    """The broker of a second front end that has adopted it, once so many rows are kept."""
    predictions = jitney.broker.predictions
    await jitney.until(lambda: len(predictions._all[accepted.json()["id"]].rows) >= kept)
    predictions.lease = 0.0
    second = Slow()
    second.predictions = predictions
    return second


@pytest.fixture
def silent(monkeypatch, at_once):
    """Leases end at once where nobody beats them, and are looked for again and again."""
    monkeypatch.setattr(keeper, "IDLE_BEAT", 0.0)


async def test_whoever_adopts_it_computes_only_the_rest_and_the_result_is_the_same(silent):
    async with running(Slow()) as first:
        first.broker.answers = True
        waited = await first.ask(*MIXED)
        first.broker.told, first.broker.answers = len(first.broker.jobs), False
        accepted = await first.ask(*MIXED, headers=ASYNC)
        await settled(first)
        for _ in range(10):
            first.broker.answer(2)
            await settled(first)
        second = await adopted_by(first, accepted, 20)
        kept = len(first.broker.predictions._all[accepted.json()["id"]].rows)
        async with running(second, name="e" * 16) as other:
            await answer_all(other, accepted)

            fetched = await result(other, accepted)
            assert fetched.content == waited.content
            assert fetched.headers["jitney-model"] == waited.headers["jitney-model"]
            assert set(second.asked).isdisjoint(TEXTS[:kept])
            assert other.front_end.tasks.predictions.adopted >= 1


async def test_one_that_lacks_nothing_but_its_end_is_computed_no_further(silent):
    async with running(Slow()) as first:
        accepted = await first.ask(*TEXTS, "last", headers=ASYNC)
        await settled(first)
        for _ in range(len(TEXTS) // 2):
            first.broker.answer(2)
            await settled(first)
        second = await adopted_by(first, accepted, len(TEXTS))
        async with running(second, name="e" * 16) as other:
            await answer_all(other, accepted)

            assert second.asked == ["last"]
            assert len((await result(other, accepted)).json()["result"]) == len(TEXTS) + 1


async def test_rows_of_another_model_are_of_no_use(silent):
    async with running(Slow()) as first:
        accepted = await first.ask(*TEXTS, headers=ASYNC)
        await settled(first)
        first.broker.answer(4)
        second = await adopted_by(first, accepted, 4)
        kept = second.predictions._all[accepted.json()["id"]]
        kept.rows = [row.replace(b"echo@r1", b"other@r1") for row in kept.rows]
        async with running(second, name="e" * 16) as other:
            await answer_all(other, accepted)

            assert sorted(second.asked) == sorted(TEXTS)


async def test_rows_that_nobody_can_read_are_computed_again(silent):
    async with running(Slow()) as first:
        accepted = await first.ask(*TEXTS, headers=ASYNC)
        await settled(first)
        first.broker.answer(4)
        second = await adopted_by(first, accepted, 4)
        second.predictions._all[accepted.json()["id"]].rows[2] = b"garbage"
        async with running(second, name="e" * 16) as other:
            await answer_all(other, accepted)

            texts = [row["text"] for row in (await result(other, accepted)).json()["result"]]
            assert texts == [text.upper() for text in TEXTS]


async def test_rows_that_a_broker_has_lost_are_brought_again(at_once):
    texts = [f"text{number}" for number in range(3 * MOST_ROWS)]
    async with running(Slow()) as jitney:
        accepted = await jitney.ask(*texts, headers=ASYNC)
        kept = jitney.broker.predictions._all[accepted.json()["id"]]
        while len(kept.rows) < MOST_ROWS:
            jitney.broker.answer(2)
            await asyncio.sleep(0)
        del kept.rows[10:]
        while len(kept.rows) < MOST_ROWS + 10:
            jitney.broker.answer(2)
            await asyncio.sleep(0)

        assert [b"TEXT%d" % number in row for number, row in enumerate(kept.rows)] == [True] * len(kept.rows)


async def test_a_revision_that_takes_over_computes_the_rest(at_once):
    new = card(revision="r2")
    async with running(Slow()) as jitney:
        accepted = await jitney.ask(*TEXTS, headers=ASYNC)
        await settled(jitney)
        jitney.broker.answer(4)
        await settled(jitney)
        jitney.broker.announcements = [announced(new, since=2.0, room=ROOM), announced(card(), batchers=0)]
        await jitney.look()
        jitney.broker.told = len(jitney.broker.jobs)  # nobody computes for the old one
        await jitney.front_end.tasks.discovery.look(jitney.broker)
        jitney.broker.told = next(at for at, job in enumerate(jitney.broker.jobs) if job.input.startswith("r2:"))
        await answer_all(jitney, accepted)

        fetched = await result(jitney, accepted)
        assert fetched.headers["jitney-model"] == "echo@r1, echo@r2"
        assert [row["text"] for row in fetched.json()["result"]] == [text.upper() for text in TEXTS]


async def test_what_another_run_may_mend_is_computed_again(at_once):
    async with running(Slow()) as jitney:
        accepted = await jitney.ask("fail:no_batcher", headers=ASYNC)
        await settled(jitney)
        jitney.broker.answer()
        await jitney.until(lambda: len(jitney.broker.jobs) == 2)  # a second later
        await jitney.client.delete(accepted.headers["location"])


async def test_one_that_is_canceled_leaves_nothing_out(at_once):
    async with running(Slow()) as jitney:
        accepted = await jitney.ask(*TEXTS, headers=ASYNC)
        await settled(jitney)

        await jitney.client.delete(accepted.headers["location"])

        await jitney.until(lambda: len(jitney.broker.cancelled) == MOST)
        assert jitney.front_end.lane_share.out("echo", "interactive") == 0
        assert isinstance(jitney.front_end.directory, Directory)


@pytest.mark.parametrize(("row_ids", "left"), [pytest.param([0], 0, id="a row"), pytest.param(None, 1, id="a cluster")])
async def test_another_run_takes_over_rows_and_nothing_of_clusters(row_ids, left):
    async with running() as jitney:
        tasks, served = jitney.front_end.tasks, jitney.front_end.directory.served["echo"]
        kept = progress.Progress("id", tasks.predictions, tasks.pool, {})
        kept.add([(0, Record("life", served.codec, Plan()), "echo@r1")])
        records = [Record("life", served.codec, Plan())]

        found = kept.continue_with(records, Call(ByName(), served, ["life"], {}, row_ids=row_ids))

        assert len(found) == left


@pytest.mark.parametrize("texts", [TEXTS, ["life"]], ids=["of a large one", "of a small one"])
async def test_jobs_that_are_lost_are_sent_again_long_before_the_deadline(at_once, monkeypatch, texts):
    monkeypatch.setattr(pump, "PATIENCE", 0.01)
    with capture_logs() as lines:
        await check_lost(texts)

    assert {line["request_id"] for line in lines if line["event"] == "jobs sent again"} == {"abc"}


async def check_lost(texts):
    async with running(Slow()) as jitney:
        accepted = await jitney.ask(*texts, headers=ASYNC | {"X-Request-ID": "abc"})
        await settled(jitney)
        lost = jitney.broker.told = len(jitney.broker.jobs)  # nobody has these
        await jitney.until(lambda: len(jitney.broker.jobs) > lost)

        await answer_all(jitney, accepted)

        rows = (await result(jitney, accepted)).json()["result"]
        assert [row["text"] for row in rows] == [text.upper() for text in texts]
