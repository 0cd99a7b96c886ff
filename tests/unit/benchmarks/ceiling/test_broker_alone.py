"""The broker alone: what a batch's life asks of it is asked again, and does the same."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.ceiling import broker_alone
from benchmarks.ceiling.broker_alone import NotReplayed, measure


def test_eight_jobs_in_a_batch_ask_for_hardly_more_commands_than_one():
    one, eight = asyncio.run(measure([1, 8], lives=10, rounds=1))

    assert (one.jobs, eight.jobs) == (1, 8)
    assert one.commands <= eight.commands < 1.5 * one.commands
    assert one.micros > 0.0 and one.micros_in_one > 0.0
    assert one.per_second == 1e6 / one.micros


def test_a_broker_that_does_something_else_when_it_is_asked_again_is_no_measurement(monkeypatch):
    whole = broker_alone.replay

    async def twice(socket, asked, commands):
        return await whole(socket, asked, commands) + await whole(socket, asked, commands)

    monkeypatch.setattr(broker_alone, "replay", twice)

    with pytest.raises(NotReplayed, match="instead of"):
        asyncio.run(measure([2], lives=2, rounds=1))
