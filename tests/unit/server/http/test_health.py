"""What /readyz says of a broker that is away and of models that are gone."""

from __future__ import annotations

import re

import pytest
import structlog

from broker.contract import Frames
from broker.errors import BrokerUnavailable
from server.fleet.discovery import FAILURES
from server.http.health import BEAT_DEAD, MISSED, READ_LATE, liveness, readiness
from tests.conftest import FakeClock
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio


def refused() -> BrokerUnavailable:
    error = BrokerUnavailable()
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return error


async def check(jitney, name: str):
    answer = (await jitney.client.get("/readyz")).json()
    return answer["status"], next(check for check in answer["checks"] if check["name"] == name)


# Strangers read /readyz: what was tried and why it failed is for the log and for `jitney status`.
async def test_a_broker_that_cannot_be_had_is_told_without_its_address_which_stands_in_the_log():
    with structlog.testing.capture_logs() as lines:
        async with running(ScriptedBroker(look_error=refused()), met=False, address="redis://u:…@h:6379/0") as jitney:
            await jitney.until(lambda: jitney.front_end.tasks.discovery.absence)
            for _ in range(FAILURES):
                await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)

            said = (await jitney.client.get("/readyz")).text
            absence = jitney.front_end.tasks.discovery.absence

    assert "has not been met yet, for 0 s" in said
    assert not re.search(r"redis|:6379|@|Errno|listens|JITNEY", said)
    assert "redis://u:…@h:6379/0: nothing listens there; start" in str(absence.why) + str(lines)


async def test_a_broker_that_is_lost_is_told_since_when(clock: FakeClock):
    async with running(clock=clock) as jitney:
        jitney.broker.look_error = refused()
        await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)
        clock.tick(12.0)
        for _ in range(FAILURES):
            await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)

        _, told = await check(jitney, "broker")

    assert told["detail"] == "does not answer, for 12 s"


# The breaker opens at the second failed look. On a half-open link that was five seconds after the broker had gone.
async def test_a_broker_that_missed_one_look_is_told_at_once_although_the_breaker_is_still_closed():
    async with running() as jitney:
        jitney.broker.look_error = refused()
        with structlog.testing.capture_logs() as lines:
            await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)

        assert [line["event"] for line in lines] == ["broker missed"]
        assert "nothing listens there" in lines[0]["reason"]
        status, told = await check(jitney, "broker")

        assert (status, told["ok"], jitney.front_end.tasks.breaker.is_open) == ("degraded", False, False)


async def test_reads_that_only_fail_are_no_good_reads(clock: FakeClock):
    async with running(clock=clock) as jitney:
        clock.tick(READ_LATE + 1.0)
        with pytest.raises(BrokerUnavailable):
            await jitney.front_end.tasks.reader.read(ScriptedBroker(receive_errors=[refused()]), Frames())
        status, told = await check(jitney, "reader")
        is_alive, _ = liveness(jitney.front_end)

        assert (status, told["ok"]) == ("degraded", False)
        assert is_alive


async def test_when_the_broker_is_back_its_absence_is_forgotten():
    async with running() as jitney:
        jitney.broker.look_error = refused()
        for _ in range(FAILURES):
            await jitney.front_end.tasks.discovery.try_to_look(jitney.broker)
        jitney.broker.look_error = None
        await jitney.look()

        assert await check(jitney, "broker") == ("ok", {"name": "broker", "ok": True, "detail": "answers"})
        assert jitney.front_end.tasks.discovery.absence is None


async def test_a_model_that_was_taken_out_of_service_is_missed_for_a_while_and_then_no_longer(clock: FakeClock):
    async with running(ScriptedBroker([announced(card()), announced(card("other"))]), clock=clock) as jitney:
        jitney.broker.announcements = [announced(card())]
        await jitney.look()
        clock.tick(MISSED - 1.0)
        await jitney.look()
        missed = _gone(jitney.front_end)
        clock.tick(2.0)
        await jitney.look()

        assert (missed.ok, missed.detail) == (False, "gone")
        assert _gone(jitney.front_end).ok and "missed no longer" in _gone(jitney.front_end).detail


async def test_where_no_model_lives_the_front_end_stays_degraded_however_long(clock: FakeClock):
    async with running(ScriptedBroker([announced(card("other"))]), clock=clock) as jitney:
        jitney.broker.announcements = []
        await jitney.look()
        clock.tick(100 * MISSED)
        await jitney.look()

        assert not _gone(jitney.front_end).ok


def _gone(front_end):
    _, health = readiness(front_end)
    return next(check for check in health.checks if check.name == "model other")


async def test_an_empty_fleet_is_not_ok():
    async with running(ScriptedBroker([])) as jitney:
        status, told = await check(jitney, "models")

    assert (status, told["ok"]) == ("degraded", False)


async def test_a_task_whose_default_is_gone_is_trouble_however_long_while_others_do_it(clock: FakeClock):
    both = [announced(card()), announced(card("other"), since=2.0)]
    async with running(ScriptedBroker(both), clock=clock) as jitney:
        jitney.broker.announcements = both[1:]
        await jitney.look()
        clock.tick(100 * MISSED)
        await jitney.look()

        status, told = await check(jitney, "default of echoing")

    assert (status, told["ok"]) == ("degraded", False)
    assert "echo does not live" in told["detail"]


async def test_a_second_model_under_a_name_that_is_taken_is_told_once_in_the_log_and_on_the_page():
    with structlog.testing.capture_logs() as lines:
        async with running(ScriptedBroker([announced(card())])) as jitney:
            second = card(revision="r2", task="singing")
            jitney.broker.announcements = [announced(second, since=2.0), announced(card())]
            await jitney.look()
            await jitney.look()

            status, told = await check(jitney, "name echo")
            answer = await jitney.ask("life")

    (line,) = [line for line in lines if line["event"] == "name taken"]
    assert (line["name"], line["task"], line["revision"]) == ("echo", "singing", "r2")
    assert "--name" in line["remedy"]
    assert (status, told["ok"]) == ("degraded", False)
    assert answer.headers["jitney-model"] == "echo@r1"


async def test_two_models_that_pass_for_revisions_of_one_are_told_once_in_the_log_and_on_the_page():
    with structlog.testing.capture_logs() as lines:
        async with running(ScriptedBroker([announced(card())])) as jitney:
            jitney.broker.announcements = [announced(card()), announced(card(revision="r2", labels=["a"]), since=2.0)]
            await jitney.look()
            await jitney.look()

            status, told = await check(jitney, "model echo")

    (line,) = [line for line in lines if line["event"] == "models differ"]
    assert (line["name"], line["revisions"], line["differ_in"]) == ("echo", ["r1", "r2"], ["labels"])
    assert (status, told["ok"]) == ("degraded", False)
    assert told["detail"] == "live, in 2 revisions that differ in labels: two models of one name?"


async def test_a_rollout_is_no_trouble():
    async with running(ScriptedBroker([announced(card()), announced(card(revision="r2"), since=2.0)])) as jitney:
        assert await check(jitney, "model echo") == ("ok", {"name": "model echo", "ok": True, "detail": "live"})


async def test_predictions_that_stand_still_are_told(clock: FakeClock):
    async with running(clock=clock) as jitney:
        tasks = jitney.front_end.tasks
        await jitney.until(lambda: not tasks.predictions.rests)
        tasks.predictions.ticked = clock() - BEAT_DEAD - 1.0

        is_alive, told = liveness(jitney.front_end)

        assert (is_alive, [one.name for one in told.checks if not one.ok]) == (False, ["predictions"])


async def test_predictions_rest_while_the_broker_is_away_however_long_that_is(clock: FakeClock):
    async with running(clock=clock) as jitney:
        tasks = jitney.front_end.tasks
        tasks.breaker.open()
        await jitney.until(lambda: tasks.predictions.rests)
        tasks.predictions.ticked = clock() - 3_600.0
        is_alive_without, _ = liveness(jitney.front_end)

        tasks.breaker.close()
        await jitney.until(lambda: not tasks.predictions.rests)

        assert (is_alive_without, liveness(jitney.front_end)[0]) == (True, True)
        assert tasks.predictions.ticked == clock()
