"""The two ways of sending, on a clock that only the script moves."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.lib.loops import UNSENT, Answer, Sender

pytestmark = pytest.mark.anyio


def sender(clock, seconds_of, *, timeout: float = 10.0, outcome_of=lambda number: "200") -> Sender:
    """Each request holds the whole client up for `seconds_of(number)`, as a slow client does."""

    async def send(number: int, seconds: float) -> Answer:
        clock.tick(seconds_of(number))
        return Answer(outcome_of(number))

    async def sleep(seconds: float) -> None:
        until = clock.now + seconds
        await asyncio.sleep(0)
        clock.now = max(clock.now, until)

    return Sender(send=send, timeout=timeout, clock=clock, sleep=sleep)


async def test_open_loop_latency_counts_from_the_intended_time_although_the_client_was_late(clock):
    slow = sender(clock, {0: 1.0, 1: 0.01, 2: 0.01}.__getitem__)

    await slow.open([0.0, 0.1, 0.2], max_in_flight=10)

    assert [call.took for call in slow.calls] == pytest.approx([1.0, 0.91, 0.82])


async def test_open_loop_tells_how_late_the_client_was(clock):
    slow = sender(clock, {0: 1.0, 1: 0.0, 2: 0.0}.__getitem__)

    await slow.open([0.0, 0.1, 0.2], max_in_flight=10)

    assert [call.late for call in slow.calls] == pytest.approx([0.0, 0.9, 0.8])


async def test_a_punctual_client_is_not_late(clock):
    punctual = sender(clock, lambda number: 0.01)

    await punctual.open([0.0, 0.1, 0.2], max_in_flight=10)

    assert [call.sent for call in punctual.calls] == pytest.approx([0.0, 0.1, 0.2])


async def test_a_request_beyond_the_most_in_flight_waits_and_its_wait_counts(clock):
    answered = asyncio.Event()
    waiting = sender(clock, lambda number: 0.0)

    async def send(number: int, seconds: float) -> Answer:
        if number == 0:
            await answered.wait()
            clock.tick(2.0)
        return Answer("200")

    waiting.send = send
    running = asyncio.create_task(waiting.open([0.0, 0.0], max_in_flight=1))
    for _ in range(5):
        await asyncio.sleep(0)
    answered.set()
    await running

    assert [call.took for call in waiting.calls] == pytest.approx([2.0, 2.0])


async def test_a_request_that_finds_no_place_before_its_timeout_is_unsent(clock):
    stuck = sender(clock, lambda number: 5.0, timeout=3.0)

    await stuck.open([0.0, 0.1], max_in_flight=1)

    assert [call.outcome for call in stuck.calls] == ["200", UNSENT]


async def test_a_request_may_take_what_is_left_of_its_timeout_since_it_was_due(clock):
    allowed = []
    late = sender(clock, lambda number: 0.0, timeout=3.0)

    async def send(number: int, seconds: float) -> Answer:
        allowed.append(seconds)
        clock.tick(1.0)
        return Answer("200")

    late.send = send
    await late.open([0.0, 0.5], max_in_flight=1)

    assert allowed == pytest.approx([3.0, 2.5])


async def test_closed_loop_sends_again_when_it_is_answered(clock):
    loop = sender(clock, lambda number: 0.3)

    await loop.closed(1, 1.0)

    assert [call.sent for call in loop.calls] == pytest.approx([0.0, 0.3, 0.6, 0.9])


async def test_closed_loop_latency_never_sees_the_wait_of_those_who_did_not_come(clock):
    loop = sender(clock, {0: 0.9, 1: 0.1}.__getitem__)

    await loop.closed(1, 1.0)

    assert [call.took for call in loop.calls] == pytest.approx([0.9, 0.1])


async def test_a_closed_loop_does_not_spin_on_a_server_that_is_gone(clock):
    loop = sender(clock, lambda number: 0.0, outcome_of=lambda number: "ConnectionRefusedError")

    await loop.closed(1, 1.0)

    assert len(loop.calls) == pytest.approx(20, abs=1)
