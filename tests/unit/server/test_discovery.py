"""What a look at the broker brings about."""

from __future__ import annotations

import asyncio
import time

import pytest
import structlog

from broker.errors import BrokerUnavailable, BrokerUnfit
from broker.messages import FailureCode, Result, Verdict
from server.broker_tasks import BrokerTasks
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, announced, at_once, card, running

pytestmark = pytest.mark.anyio


async def test_a_new_card_makes_its_model_callable():
    async with running(ScriptedBroker([])) as jitney:
        before = await jitney.ask("life")
        jitney.broker.announcements = [announced(card())]
        await jitney.look()

        after = await jitney.ask("life")

        assert (before.status_code, after.status_code) == (503, 200)


async def test_the_default_of_a_task_is_kept_by_the_broker_and_the_same_for_a_front_end_that_starts_later():
    first, second = announced(card("a"), since=2.0), announced(card("b"), since=1.0)
    broker = ScriptedBroker([first])
    async with running(broker):
        pass
    broker.announcements = [second, first]
    async with running(broker) as jitney:
        assert jitney.front_end.directory.default("echoing") == "a"


async def test_a_broker_that_came_back_empty_is_told_the_default_over_what_others_made_of_it():
    broker = ScriptedBroker([announced(card("a")), announced(card("b"), since=2.0)])
    async with running(broker) as jitney:
        broker.epoch, broker.defaults = "second", {"echoing": "b"}
        await jitney.look()

        assert broker.defaults == {"echoing": "a"}
        await jitney.look()
        assert jitney.front_end.directory.default("echoing") == "a"


async def test_a_default_that_an_operator_chooses_is_followed():
    broker = ScriptedBroker([announced(card("a")), announced(card("b"), since=2.0)])
    async with running(broker) as jitney:
        broker.defaults = {"echoing": "b"}
        await jitney.look()

        assert (jitney.front_end.directory.default("echoing"), broker.defaults) == ("b", {"echoing": "b"})


async def test_a_default_that_a_setting_names_is_not_told_to_the_broker():
    async with running(defaults={"echoing": "other"}) as jitney:
        assert jitney.broker.defaults == {}


async def test_no_codec_is_made_for_a_card_without_batcher():
    made = []

    def make(card, files):
        made.append(card.key)
        return WordCodec(card, files)

    async with running(ScriptedBroker([announced(card("a")), announced(card("b"), batchers=0)]), make_codec=make):
        assert made == ["a@r1"]


async def test_another_epoch_brings_all_that_waits_to_the_broker_again():
    broker = ScriptedBroker(answers=False)
    async with running(broker) as jitney, jitney.asked("one two") as asked:
        broker.epoch, broker.answers = "second", True
        await jitney.look()

        answer = await asked

        first, again = broker.trips
        assert answer.status_code == 200
        assert first[1][0].jobs == again[1][0].jobs
        assert again[0] == first[0] + 1


async def test_the_first_epoch_is_not_another_one():
    with structlog.testing.capture_logs() as lines:
        async with running():
            pass

    assert "broker came back empty" not in [line["event"] for line in lines]


async def test_the_same_epoch_brings_nothing_again():
    broker = ScriptedBroker(answers=False)
    async with running(broker) as jitney, jitney.asked("one"):
        await jitney.look()
        await at_once(0)

        assert len(broker.trips) == 1


async def test_what_waits_for_a_dead_revision_is_encoded_anew_for_the_live_one():
    broker = ScriptedBroker([announced(card(revision="r1"))], answers=False)
    async with running(broker) as jitney, jitney.asked("one") as asked:
        dead, live = announced(card(revision="r1"), batchers=0), announced(card(revision="r2"), since=2.0)
        broker.announcements, broker.answers = [dead, live], True
        await jitney.look()

        answer = await asked

        assert answer.json()["result"] == [{"id": 0, "text": "ONE"}]
        assert [(request.model, request.jobs[0].input) for _, requests, _ in broker.trips for request in requests] == [
            ("echo@r1", "r1:one"),
            ("echo@r2", "r2:one"),
        ]


async def test_a_refusal_that_was_under_way_when_its_request_was_encoded_anew_does_not_end_it():
    class Slow(ScriptedBroker):
        async def admit(self, sequence, requests, cancelled):
            verdicts = await super().admit(sequence, requests, cancelled)
            await may_return.wait()
            return verdicts

    may_return = asyncio.Event()
    broker = Slow([announced(card(revision="r1"))], verdict=Verdict(refusal=FailureCode.CONTENDED))
    async with running(broker) as jitney, jitney.asked("one") as asked:
        broker.announcements = [announced(card(revision="r2"), since=2.0)]
        await jitney.look()
        broker.verdict = Verdict()
        may_return.set()

        answer = await asked

        assert (answer.status_code, answer.json()["result"]) == (200, [{"id": 0, "text": "ONE"}])


async def test_what_waits_for_a_revision_that_still_drains_is_left_alone():
    broker = ScriptedBroker([announced(card(revision="r1"))], answers=False)
    async with running(broker) as jitney, jitney.asked("one"):
        broker.announcements = [announced(card(revision="r1")), announced(card(revision="r2"), since=2.0)]
        await jitney.look()
        await at_once(0)

        assert len(broker.trips) == 1


async def test_new_requests_go_to_the_newest_live_revision():
    revisions = [announced(card(revision="r2"), since=2.0), announced(card(revision="r1"), since=1.0)]
    async with running(ScriptedBroker(revisions)) as jitney:
        await jitney.ask("one")

        assert jitney.broker.jobs[0].input == "r2:one"


async def test_what_was_asked_of_the_old_revision_is_decoded_by_its_codec():
    class Signing(WordCodec):
        def decode(self, plan, outputs):
            return {"text": f"{self.card.revision} read {outputs[0]}"}

    broker = ScriptedBroker([announced(card(revision="r1"))], answers=False)
    async with running(broker, make_codec=Signing) as jitney, jitney.asked("one") as asked:
        broker.announcements.append(announced(card(revision="r2"), since=2.0))
        await jitney.look()
        broker.publish(Result(job_id=broker.jobs[0].id, output="ONE"))

        answer = await asked

        assert answer.json()["result"] == [{"id": 0, "text": "r1 read ONE"}]


async def test_while_many_answers_are_renewed_others_get_their_turn():
    old, new = announced(card(revision="r1")), announced(card(revision="r2"), since=2.0)
    turns = []

    async def others():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    broker = ScriptedBroker([old], answers=False)
    async with running(broker) as jitney:
        asking = [asyncio.create_task(jitney.ask("one")) for _ in range(100)]
        await jitney.until(lambda: len(broker.jobs) == 100)
        broker.announcements = [old, new]
        await jitney.look()  # makes the codec of r2
        broker.announcements, broker.answers = [new], True
        other = asyncio.create_task(others())
        await jitney.look()
        other.cancel()

        answers = await asyncio.gather(*asking)

        assert {answer.status_code for answer in answers} == {200}
        assert len(turns) >= 3


async def test_one_failed_look_changes_nothing():
    async with running() as jitney:
        jitney.broker.look_error = BrokerUnavailable()
        await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)

        assert not jitney.front_end.tasks.breaker.is_open


async def test_failed_looks_that_are_not_in_a_row_change_nothing():
    async with running() as jitney:
        for error in (BrokerUnavailable(), None, BrokerUnavailable()):
            jitney.broker.look_error = error
            await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)

        assert not jitney.front_end.tasks.breaker.is_open


# Connections that were killed twice a second met every look in the middle, and the breaker opened.
async def test_looks_whose_connections_break_change_nothing_while_a_new_one_is_well():
    class Breaking(ScriptedBroker):
        looks = 0

        async def look(self):
            self.looks += 1
            if self.looks % 2 == 0:
                raise BrokerUnavailable
            return await super().look()

    async with running(Breaking()) as jitney:
        for _ in range(3):
            await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)

        assert jitney.broker.looks == 7
        assert not jitney.front_end.tasks.breaker.is_open


async def test_two_failed_looks_in_a_row_open_the_breaker():
    async with running() as jitney:
        jitney.broker.look_error = BrokerUnavailable()
        for _ in range(2):
            await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)

        answer = await jitney.ask("life")

        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")


async def test_models_stay_known_while_the_broker_is_away():
    async with running() as jitney:
        jitney.broker.look_error = BrokerUnavailable()
        for _ in range(2):
            await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)

        answer = await jitney.client.get("/v1/models")

        assert [model["name"] for model in answer.json()["models"]] == ["echo"]


class Job:
    """A task of a link that does what the test says with its connection."""

    def __init__(self, run):
        self.run = run
        self.ticked = 0.0


async def kept(connect, run, rounds, *, met=False, clock=time.monotonic):
    """`BrokerTasks.keep` for so many rounds: its link, its task, the pauses, and what was unfit."""
    pauses, unfit, task = [], [], Job(run)

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == rounds:
            raise asyncio.CancelledError

    tasks = BrokerTasks(connect, "f" * 16, WordCodec, on_unfit=unfit.append, clock=clock, sleep=sleep)
    tasks.discovery.has_met_broker = met
    with pytest.raises(asyncio.CancelledError):
        await tasks.keep("reader", task)
    return tasks, task, pauses, unfit


class Connection:
    def __init__(self, error=None):
        self.error = error
        self.opened = self.closed = 0

    def __call__(self):
        return self

    async def __aenter__(self):
        if self.error:
            raise self.error
        self.opened += 1
        return ScriptedBroker()

    async def __aexit__(self, *error):
        self.closed += 1


async def test_a_task_that_crashes_is_started_again_on_a_new_connection():
    async def crash(broker):
        raise RuntimeError("a bug")

    connection = Connection()

    _, _, pauses, _ = await kept(connection, crash, rounds=3)

    assert (connection.opened, connection.closed, len(pauses)) == (3, 3, 3)


async def test_a_broker_that_cannot_be_reached_opens_the_breaker():
    async def run(broker):
        raise AssertionError("never connected")

    tasks, _, _, unfit = await kept(Connection(BrokerUnavailable()), run, rounds=2)

    assert (tasks.breaker.is_open, unfit) == (True, [])


async def test_a_task_that_cannot_connect_is_alive_all_the_same(clock):
    async def run(broker):
        raise AssertionError("never connected")

    _, task, _, _ = await kept(Connection(BrokerUnavailable()), run, rounds=2, clock=clock)

    assert task.ticked == clock()


async def test_a_broker_that_is_lost_when_reconnecting_opens_the_breaker_again():
    connection = Connection()

    async def run(broker):
        tasks.breaker.close()
        connection.error = BrokerUnavailable()
        raise BrokerUnavailable

    async def sleep(seconds):
        if connection.opened and tasks.breaker.is_open:
            raise asyncio.CancelledError

    tasks = BrokerTasks(connection, "f" * 16, WordCodec, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await tasks.keep("reader", Job(run))

    assert tasks.breaker.is_open


async def test_each_outage_is_told_once():
    connection = Connection(BrokerUnavailable())
    pauses = []

    async def run(broker):
        connection.error = BrokerUnavailable()
        raise BrokerUnavailable

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            connection.error = None
        if len(pauses) == 5:
            raise asyncio.CancelledError

    tasks = BrokerTasks(connection, "f" * 16, WordCodec, sleep=sleep)
    with structlog.testing.capture_logs() as lines, pytest.raises(asyncio.CancelledError):
        await tasks.keep("reader", Job(run))

    assert [line["event"] for line in lines] == ["broker not reached"] * 2


async def test_a_broker_that_became_unfit_is_only_away():
    async def run(broker):
        raise AssertionError("never connected")

    _, _, _, unfit = await kept(Connection(BrokerUnfit("evicts")), run, rounds=1, met=True)

    assert unfit == []


async def test_an_unfit_broker_is_complained_about_before_the_first_contact():
    async def run(broker):
        raise AssertionError("never connected")

    error = BrokerUnfit("set it to noeviction")

    _, _, _, unfit = await kept(Connection(error), run, rounds=1)

    assert unfit == [error]
