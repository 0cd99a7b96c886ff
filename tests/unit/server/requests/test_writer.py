"""One trip for everything that gathered, and an answer for everyone whatever comes of it."""

from __future__ import annotations

import asyncio

import pytest

from broker.errors import BrokerError, BrokerFull, BrokerUnavailable
from broker.messages import FailureCode, Verdict
from server.requests.writer import BRIEF, PAUSES
from tests.unit.server.stand_in import ScriptedBroker, running

pytestmark = pytest.mark.anyio


class SlowBroker(ScriptedBroker):
    """Trips take until the test lets them end."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.gate = asyncio.Semaphore(0)

    async def admit(self, sequence, requests, cancelled):
        verdicts = await super().admit(sequence, requests, cancelled)
        await self.gate.acquire()
        return verdicts


def outage():
    """Errors until the writer gives up."""
    return [BrokerUnavailable() for _ in range(1 + len(PAUSES))]


def sequences(broker):
    return [sequence for sequence, _, _ in broker.trips]


def sizes(broker):
    return [len(requests) for _, requests, _ in broker.trips]


async def test_all_that_gathered_while_a_trip_was_away_goes_in_the_next():
    broker = SlowBroker()
    async with running(broker) as jitney:
        asking = [asyncio.create_task(jitney.ask("a"))]
        await jitney.until(lambda: broker.trips)
        asking += [asyncio.create_task(jitney.ask("b")) for _ in range(5)]
        await jitney.until(lambda: len(jitney.front_end.pending) == 5)
        broker.gate.release()
        broker.gate.release()
        await asyncio.gather(*asking)

        assert sizes(broker) == [1, 5]


async def test_each_trip_with_new_content_has_the_next_number():
    async with running() as jitney:
        for _ in range(3):
            await jitney.ask("a")

        assert sequences(jitney.broker) == [1, 2, 3]


async def test_a_trip_without_reply_is_made_once_more_under_the_same_number():
    broker = ScriptedBroker(admit_errors=[BrokerUnavailable()])
    async with running(broker, quick=True) as jitney:
        answer = await jitney.ask("a")

        assert answer.status_code == 200
        assert sequences(broker) == [1, 1]
        assert [[request.jobs for request in requests] for _, requests, _ in broker.trips] == [[broker.jobs[:1]]] * 2


async def test_a_trip_made_once_more_counts_the_time_left_anew(clock):
    class Lossy(ScriptedBroker):
        async def admit(self, sequence, requests, cancelled):
            clock.tick(2.0)
            return await super().admit(sequence, requests, cancelled)

    broker = Lossy(admit_errors=[BrokerUnavailable()])
    async with running(broker, clock=clock, quick=True) as jitney:
        await jitney.ask("a")

        assert [request.time_left for _, requests, _ in broker.trips for request in requests] == [60.0, 58.0]


async def test_a_connection_that_breaks_again_and_again_within_a_trip_is_felt_by_nobody():
    broker = ScriptedBroker(admit_errors=outage()[1:])
    async with running(broker, quick=True) as jitney:
        answer = await jitney.ask("a")

        assert answer.status_code == 200
        assert set(sequences(broker)) == {1}


@pytest.mark.parametrize(("seconds", "trips"), [(2.0, 2), (BRIEF, 3)])
async def test_a_link_that_was_silent_for_long_is_tried_once_more_and_no_further(clock, seconds, trips):
    class Silent(ScriptedBroker):
        async def admit(self, sequence, requests, cancelled):
            clock.tick(seconds)
            return await super().admit(sequence, requests, cancelled)

    broker = Silent(admit_errors=outage())
    async with running(broker, clock=clock, quick=True) as jitney:
        answer = await jitney.ask("a")

        assert answer.status_code == 503
        assert sequences(broker) == [1] * trips


@pytest.mark.parametrize("errors", [outage(), [BrokerError("the broker refuses a command")]])
async def test_a_trip_that_never_gets_a_reply_is_503_and_opens_the_breaker(errors):
    broker = ScriptedBroker(admit_errors=errors)
    async with running(broker, quick=True) as jitney:
        answer = await jitney.ask("a")

        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
        assert jitney.front_end.tasks.breaker.is_open


async def test_after_that_requests_are_503_without_a_trip():
    broker = ScriptedBroker(admit_errors=outage())
    async with running(broker, quick=True) as jitney:
        await jitney.ask("a")

        answer = await jitney.ask("b")

        assert answer.status_code == 503
        assert {request.jobs[0].input for _, requests, _ in broker.trips for request in requests} == {"r1:a"}


async def test_jobs_of_trips_without_reply_are_cancelled_later_for_they_may_be_queued():
    broker = ScriptedBroker(admit_errors=outage())
    async with running(broker, quick=True) as jitney:
        await jitney.ask("a")
        (lost,) = broker.trips[0][1][0].jobs
        await jitney.look()

        await jitney.ask("b")

        assert lost.id in broker.cancelled


async def test_cancellations_of_a_trip_without_reply_go_with_the_next():
    broker = ScriptedBroker(admit_errors=[*outage(), *outage()])
    failing = len(broker.admit_errors)
    async with running(broker, quick=True) as jitney:
        await jitney.ask("a")
        (lost,) = broker.trips[0][1][0].jobs
        await jitney.until(lambda: len(broker.trips) == failing)  # the trip that cancels it fails as well
        await jitney.look()

        await jitney.ask("b")

        assert any(lost.id.startswith(one.ids) for _, _, cancelled in broker.trips[failing:] for one in cancelled)


async def test_jobs_whose_fate_was_lost_before_memory_was_spent_are_cancelled_later():
    broker = ScriptedBroker(admit_errors=[BrokerUnavailable(), BrokerFull()])
    async with running(broker, quick=True) as jitney:
        answer = await jitney.ask("a")
        (lost,) = broker.trips[0][1][0].jobs
        await jitney.look()
        await jitney.ask("b")

        assert answer.status_code == 503
        assert lost.id in broker.cancelled


async def test_the_breaker_closes_when_discovery_sees_the_broker_again():
    broker = ScriptedBroker(admit_errors=outage())
    async with running(broker, quick=True) as jitney:
        await jitney.ask("a")
        await jitney.look()

        answer = await jitney.ask("b")

        assert answer.status_code == 200


async def test_a_full_broker_opens_no_breaker():
    async with running(ScriptedBroker(admit_errors=[BrokerFull()])) as jitney:
        await jitney.ask("a")

        answer = await jitney.ask("b")

        assert answer.status_code == 200


async def test_the_longer_a_broker_is_full_the_later_one_shall_come_back(clock):
    async with running(ScriptedBroker(admit_errors=[BrokerFull(), BrokerFull()]), clock=clock) as jitney:
        first = await jitney.ask("a")
        clock.tick(20.0)
        second = await jitney.ask("b")

        assert (first.headers["retry-after"], second.headers["retry-after"]) == ("1", "10")


async def test_a_broker_that_is_full_for_a_single_request_is_full_since_then(clock):
    broker = ScriptedBroker(verdict=Verdict(refusal=FailureCode.BROKER_FULL))
    async with running(broker, clock=clock) as jitney:
        first = await jitney.ask("a")
        clock.tick(20.0)
        second = await jitney.ask("b")

        assert (first.status_code, second.status_code) == (503, 503)
        assert (first.headers["retry-after"], second.headers["retry-after"]) == ("1", "10")


async def test_a_broker_that_had_room_again_is_full_anew(clock):
    broker = ScriptedBroker(admit_errors=[BrokerFull()])
    async with running(broker, clock=clock) as jitney:
        await jitney.ask("a")
        await jitney.ask("b")
        broker.admit_errors = [BrokerFull()]
        clock.tick(20.0)

        answer = await jitney.ask("c")

        assert answer.headers["retry-after"] == "1"


async def test_cancellations_that_a_full_broker_did_not_take_go_with_the_next_trip(monkeypatch):
    monkeypatch.setattr("server.http.deadline.LATE", 60.0)  # clients are listened to from the start
    broker = ScriptedBroker(answers=False)
    async with running(broker) as jitney:
        await jitney.hang_up_on("one")
        broker.admit_errors = [BrokerFull()]
        await jitney.until(lambda: not broker.admit_errors)
        broker.answers = True
        await jitney.ask("two")

        _, refused, taken = broker.trips
        assert refused[2] and set(refused[2]) == set(taken[2])


async def test_requests_without_a_verdict_go_with_the_next_trip():
    class Short(SlowBroker):
        """Says nothing of the last one of several."""

        async def admit(self, sequence, requests, cancelled):
            verdicts = await super().admit(sequence, requests[:2], cancelled)
            return verdicts

    broker = Short()
    async with running(broker) as jitney:
        asking = [asyncio.create_task(jitney.ask("first"))]
        await jitney.until(lambda: broker.trips)
        asking += [asyncio.create_task(jitney.ask(text)) for text in ("a", "b", "c")]
        await jitney.until(lambda: len(jitney.front_end.pending) == 3)
        for _ in range(3):
            broker.gate.release()
        answers = await asyncio.gather(*asking)

        assert [answer.status_code for answer in answers] == [200] * 4
        assert sizes(broker) == [1, 2, 1]


async def test_a_full_broker_is_not_asked_twice():
    async with running(ScriptedBroker(admit_errors=[BrokerFull()])) as jitney:
        await jitney.ask("a")

        assert len(jitney.broker.trips) == 1


async def test_a_request_that_cannot_travel_harms_nobody_else():
    class Picky(SlowBroker):
        async def admit(self, sequence, requests, cancelled):
            verdicts = await super().admit(sequence, requests, cancelled)
            if any(job.input == "r1:strange" for request in requests for job in request.jobs):
                raise TypeError("cannot travel")
            return verdicts

    broker = Picky()
    async with running(broker) as jitney:
        asking = [asyncio.create_task(jitney.ask("first"))]
        await jitney.until(lambda: broker.trips)
        asking += [asyncio.create_task(jitney.ask(text)) for text in ("a", "strange", "b")]
        await jitney.until(lambda: len(jitney.front_end.pending) == 3)
        for _ in range(5):
            broker.gate.release()

        answers = await asyncio.gather(*asking)

        assert [answer.status_code for answer in answers] == [200, 200, 500, 200]


async def test_the_time_left_is_counted_when_the_trip_begins(clock):
    broker = SlowBroker()
    async with running(broker, clock=clock) as jitney:
        asking = [asyncio.create_task(jitney.ask("a"))]
        await jitney.until(lambda: asking[0].done())  # outcomes may be faster than verdicts
        asking.append(asyncio.create_task(jitney.ask("b")))
        await jitney.until(lambda: len(jitney.front_end.pending) == 1)
        clock.tick(15.0)
        broker.gate.release()
        broker.gate.release()
        await asyncio.gather(*asking)

        assert [request.time_left for _, requests, _ in broker.trips for request in requests] == [60.0, 45.0]


async def test_a_client_that_hangs_up_cancels_its_jobs(monkeypatch):
    monkeypatch.setattr("server.http.deadline.LATE", 60.0)  # from the start
    broker = ScriptedBroker(answers=False)
    async with running(broker) as jitney:
        await jitney.hang_up_on("one two")
        await jitney.until(lambda: broker.cancelled)

        assert set(broker.cancelled) == {job.id for job in broker.jobs}
        assert len(jitney.front_end.pending) == 0


async def test_a_request_past_its_deadline_is_not_cancelled_in_the_broker():
    broker = ScriptedBroker(answers=False)
    async with running(broker) as jitney:
        await jitney.ask("one", headers={"X-Request-Timeout": "0.01"})
        await jitney.ask("two", headers={"X-Request-Timeout": "0.01"})

        assert broker.cancelled == set()
