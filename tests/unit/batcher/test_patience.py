"""Asking again: an outage is told once, and that it is over."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from batcher.patience import Patience
from broker.errors import BrokerUnavailable

pytestmark = pytest.mark.anyio


async def test_an_outage_is_told_once_however_often_is_asked_and_so_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.backoff.Backoff.pause", lambda self: 0.0)
    errors = [BrokerUnavailable() for _ in range(50)]

    async def act() -> str:
        if errors:
            raise errors.pop()
        return "answer"

    with capture_logs() as lines:
        patience = Patience(asyncio.Event(), on_wait=lambda: None)
        answers = [await patience.ask(act), await patience.ask(act)]

    assert answers == ["answer", "answer"]
    assert [line["event"] for line in lines] == ["broker away", "broker is back"]
