"""What is asked of the broker, and the beats between."""

from __future__ import annotations

import asyncio
from unittest.mock import AsyncMock, Mock

import pytest
from structlog.testing import capture_logs

from broker.errors import BrokerUnavailable
from broker.predictions.contract import Beat, Prediction
from server.predictions import keeper
from tests.unit.server.stand_in import running

pytestmark = pytest.mark.anyio
LATER = 3_600.0  # seconds


async def test_leases_are_beaten_however_many_ask():
    async with running() as jitney:
        keep, beat = jitney.front_end.tasks.predictions, AsyncMock(return_value=Beat())
        jitney.broker.predictions.beat = beat
        keep._beat_at = 0.0

        async def ask() -> None:
            for _ in range(100):
                await keep.ask(lambda _: asyncio.sleep(0))
                keep._beat_at = 0.0

        await asyncio.gather(*(ask() for _ in range(3)))

        assert beat.call_count > 10


async def test_what_was_asked_when_the_connection_was_lost_is_asked_again_at_once():
    async with running(quick=True) as jitney:
        keep, losses = jitney.front_end.tasks.predictions, [BrokerUnavailable("lost")]
        await keep.ask(lambda broker: broker.epoch())
        keep._beat_at = asyncio.get_running_loop().time() + LATER

        async def answer(_: object) -> str:
            if losses:
                raise losses.pop()
            return "answer"

        assert await keep.ask(answer) == "answer"


async def test_looks_that_take_long_leave_most_of_the_time_to_others():
    async with running() as jitney:
        keep, now = jitney.front_end.tasks.predictions, [0.0]

        async def read(ids: object) -> dict[str, Prediction]:
            now[0] += 1.0  # seconds
            return {}

        await keep._look(Mock(read=read), ["any"], Mock(time=lambda: now[0]))

        assert keep._look_at == 1.0 + keeper.LOOK_PAUSE


async def test_what_is_adopted_is_told_although_nobody_says_whose_it_is():
    read = AsyncMock(side_effect=BrokerUnavailable("lost"))

    with capture_logs() as lines:
        await keeper._tell_adopted(Mock(read=read), ["a" * 32])

    assert [(line["event"], line["prediction"]) for line in lines] == [("prediction adopted", "a" * 14 + "…")]
