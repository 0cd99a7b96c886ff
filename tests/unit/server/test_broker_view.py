"""What Prometheus is told of the broker, by a front end that is scraped."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from broker.admin.observer import Observation, ObservedLane, ObservedModel
from broker.errors import BrokerUnavailable
from broker.messages import Lane
from server.broker_view import AGAIN, REMEMBERED, BrokerView
from server.collector import collectors
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio
QUEUE = 'jitney_queue_jobs{lane="interactive",model="echo",revision="r1"}'
LIVE = 'jitney_batchers{model="echo",revision="r1"}'


class Watched:
    """A broker that holds so much, and notes who asked for what."""

    def __init__(self, jobs: int | None = 3, error: Exception | None = None) -> None:
        self.jobs, self.error = jobs, error
        self.asked: list[list[str]] = []

    def observe(self, models):
        self.asked.append(list(models))
        if self.error is not None:
            raise self.error
        lane = ObservedLane(jobs=self.jobs, tokens=12, oldest_age=0.4)
        model = ObservedModel(lanes=dict.fromkeys(Lane, lane), suspects=1, claimed=2, dead=None)
        found = dict.fromkeys(models, model)
        return Observation(models=found, memory=1_000, max_memory=0, history_blocks=4, history_bytes=9)


def samples(jitney):
    lines = generate_latest(collectors(jitney.front_end)).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


async def test_queues_are_told_by_model_revision_and_lane(clock):
    async with running() as jitney:
        jitney.front_end.broker_view = BrokerView(Watched().observe, clock)

        read = samples(jitney)

    assert read[QUEUE] == 3
    assert read['jitney_queue_tokens{lane="bulk",model="echo",revision="r1"}'] == 12
    assert read['jitney_queue_oldest_age_seconds{lane="bulk",model="echo",revision="r1"}'] == 0.4
    assert read['jitney_suspect_jobs{model="echo",revision="r1"}'] == 1
    assert read['jitney_claimed_jobs{model="echo",revision="r1"}'] == 2
    assert read[LIVE] == 1
    assert read["jitney_broker_memory_bytes"] == 1_000


async def test_what_may_not_be_read_and_a_bound_that_there_is_not_have_no_sample(clock):
    async with running() as jitney:
        jitney.front_end.broker_view = BrokerView(Watched(jobs=None).observe, clock)

        read = samples(jitney)

    missing = [QUEUE, 'jitney_dead_letters{model="echo",revision="r1"}', "jitney_broker_memory_limit_bytes"]
    assert [name for name in missing if name in read] == []


async def test_blocks_of_the_history_are_told_where_one_is_kept(clock):
    for kept in (True, False):
        async with running(history=kept) as jitney:
            jitney.front_end.broker_view = BrokerView(Watched().observe, clock)

            assert ("jitney_history_blocks_waiting" in samples(jitney)) is kept


async def test_a_broker_that_does_not_answer_costs_its_own_numbers_only(clock):
    async with running() as jitney:
        jitney.front_end.broker_view = BrokerView(Watched(error=BrokerUnavailable("no")).observe, clock)

        read = samples(jitney)

    assert (read.get(QUEUE), read.get(LIVE)) == (None, None) and read["jitney_requests_waiting"] == 0


async def test_while_the_breaker_is_open_nobody_asks(clock):
    watched = Watched()
    async with running() as jitney:
        jitney.front_end.broker_view = BrokerView(watched.observe, clock)
        jitney.front_end.tasks.breaker.open()

        read = samples(jitney)

    assert (read.get(QUEUE), read.get(LIVE)) == (None, None)
    assert watched.asked == []


async def test_who_scrapes_all_the_time_makes_no_trip_for_each(clock):
    watched = Watched()
    async with running() as jitney:
        view = BrokerView(watched.observe, clock)
        for _ in range(3):
            view.look(jitney.front_end.directory)
        clock.tick(AGAIN)
        view.look(jitney.front_end.directory)

    assert len(watched.asked) == 2


@pytest.mark.parametrize(("later", "is_told"), [(REMEMBERED - 1, True), (REMEMBERED + 1, False)])
async def test_the_queue_of_a_model_that_is_gone_is_told_for_a_while(clock, later, is_told):
    broker = ScriptedBroker(announcements=[announced(card())])
    async with running(broker, clock=clock) as jitney:
        jitney.front_end.broker_view = BrokerView(Watched().observe, clock)
        samples(jitney)
        broker.announcements = []
        await jitney.look()
        clock.tick(later)

        read = samples(jitney)

    assert (read.get(QUEUE), read.get(LIVE)) == ((3, 0) if is_told else (None, None))


async def test_revisions_that_are_gone_are_forgotten_but_for_the_last_of_a_name(clock):
    broker, watched = ScriptedBroker(), Watched()
    async with running(broker, clock=clock) as jitney:
        view = BrokerView(watched.observe, clock)
        for number in range(20):
            broker.announcements = [announced(card(revision=f"r{number}"))]
            await jitney.look()
            view.look(jitney.front_end.directory)
            clock.tick(REMEMBERED / 2)
        broker.announcements = []
        await jitney.look()
        for _ in range(3):
            clock.tick(REMEMBERED)
            view.look(jitney.front_end.directory)

    assert max(map(len, watched.asked)) == 2
    assert (watched.asked[-1], set(view._seen)) == ([], {"echo@r19"})


async def test_each_revision_has_its_own_batchers(clock):
    revisions = [announced(card(revision="r1"), batchers=2), announced(card(revision="r2"), since=2.0)]
    async with running(ScriptedBroker(announcements=revisions)) as jitney:
        jitney.front_end.broker_view = BrokerView(Watched().observe, clock)

        read = samples(jitney)

    assert read[LIVE] == 2 and read['jitney_batchers{model="echo",revision="r2"}'] == 1
