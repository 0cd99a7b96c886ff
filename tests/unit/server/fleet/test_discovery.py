"""What a look at the broker brings about."""

from __future__ import annotations

import asyncio
import time

import pytest
import structlog

from broker.errors import BrokerUnavailable
from server.fleet import discovery
from tests.unit.server import stand_in
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, announced, at_once, card, running

pytestmark = pytest.mark.anyio


async def test_a_new_card_makes_its_model_callable():
    async with running(ScriptedBroker([])) as jitney:
        before = await jitney.ask("life")
        jitney.broker.announcements = [announced(card())]
        await jitney.look()

        after = await jitney.ask("life")

        assert (before.status_code, after.status_code) == (503, 200)


async def test_a_front_end_begins_when_it_can_answer():
    async with running(met=False, meeting=60.0) as jitney:
        assert (await jitney.ask("life")).status_code == 200


# A port once opened when the codecs were made, half a second before the next look found them: 503 meanwhile.
async def test_a_front_end_begins_when_a_look_has_found_the_codecs_ready(monkeypatch):
    monkeypatch.setattr(discovery, "CODEC_WAIT", 0.0)
    monkeypatch.setattr(discovery, "PERIOD", 0.01)
    monkeypatch.setattr(stand_in, "never", asyncio.sleep)

    async with running(make_codec=slowly, met=False, meeting=60.0) as jitney:
        assert (await jitney.ask("life")).status_code == 200


def slowly(card, files):
    time.sleep(0.1)
    return WordCodec(card, files)


async def test_a_broker_that_is_away_holds_up_the_beginning_no_longer_than_told():
    broker = ScriptedBroker()
    broker.look = broken
    async with running(broker, met=False, meeting=0.01) as jitney:
        assert (await jitney.ask("life")).status_code == 503


async def broken():
    raise BrokerUnavailable


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


async def test_new_requests_go_to_the_newest_live_revision():
    revisions = [announced(card(revision="r2"), since=2.0), announced(card(revision="r1"), since=1.0)]
    async with running(ScriptedBroker(revisions)) as jitney:
        await jitney.ask("one")

        assert jitney.broker.jobs[0].input == "r2:one"


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
