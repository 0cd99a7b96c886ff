"""Calling again: an outage is told once, and that it is over."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from batcher.serving.retry import TRIES, Retry
from broker.errors import BrokerUnavailable, TripFailed

pytestmark = pytest.mark.anyio


async def test_an_outage_is_told_once_however_often_is_asked_and_so_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.common.backoff.Backoff.pause", lambda self: 0.0)
    errors = [BrokerUnavailable() for _ in range(50)]

    async def act() -> str:
        if errors:
            raise errors.pop()
        return "answer"

    with capture_logs() as lines:
        retry = Retry(asyncio.Event(), on_wait=lambda: None)
        answers = [await retry.call(act), await retry.call(act)]

    assert answers == ["answer", "answer"]
    assert [line["event"] for line in lines] == ["broker away", "broker is back"]


async def test_a_trip_that_fails_while_the_broker_answers_others_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.common.backoff.Backoff.pause", lambda self: 0.0)
    monkeypatch.setattr("batcher.serving.retry.ENOUGH", 0.0)
    retry = Retry(asyncio.Event(), on_wait=lambda: None, hears_broker=lambda: True)
    asked = []

    async def act() -> None:
        asked.append(1)
        raise BrokerUnavailable("no answer")

    with pytest.raises(TripFailed, match="no answer"):
        await retry.call(act)

    assert len(asked) == TRIES


async def test_a_trip_is_asked_for_as_long_as_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.common.backoff.Backoff.pause", lambda self: 0.0)
    monkeypatch.setattr("batcher.serving.retry.ENOUGH", 0.0)
    # Heard between two silences of the broker: what failed before says nothing of this trip.
    heard = [False] * 20 + [True] * (TRIES - 1) + [False] + [True] * (TRIES - 1)
    retry = Retry(asyncio.Event(), on_wait=lambda: None, hears_broker=lambda: heard.pop())

    async def act() -> str:
        if heard:
            raise BrokerUnavailable
        return "answer"

    assert await retry.call(act) == "answer"


async def test_whoever_pauses_can_be_cancelled_in_the_moment_of_stopping() -> None:
    # A batcher that was told to stop during an outage never ended: this cancellation was lost.
    stopping = asyncio.Event()
    retry, paused = Retry(stopping, on_wait=lambda: None), asyncio.Event()

    async def fail() -> None:
        paused.set()
        raise BrokerUnavailable

    async def go_on() -> None:
        await retry.survive(fail)
        await asyncio.Event().wait()

    going_on = asyncio.create_task(go_on())
    await paused.wait()
    await asyncio.sleep(0)
    stopping.set()
    await asyncio.sleep(0)
    going_on.cancel()

    done, _ = await asyncio.wait([going_on], timeout=5.0)

    assert done == {going_on} and going_on.cancelled()
