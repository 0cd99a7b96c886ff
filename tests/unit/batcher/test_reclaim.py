"""What the log says of reclaiming that fails: something while the batcher serves, nothing while it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from batcher.serving import reclaim
from broker.errors import BrokerUnavailable

pytestmark = pytest.mark.anyio


class Unreachable:
    """Nobody answers, and the batcher is told to stop: while it asks, or once it has heard of the failure."""

    def __init__(self, *, stops_meanwhile: bool) -> None:
        self.stopping = asyncio.Event()
        self._stops_meanwhile = stops_meanwhile

    async def reclaim(self) -> Any:
        if self._stops_meanwhile:
            self.stopping.set()
        asyncio.get_running_loop().call_soon(self.stopping.set)
        raise BrokerUnavailable("nobody listens")


@pytest.mark.parametrize(
    ("stops_meanwhile", "lines"), [(False, 1), (True, 0)], ids=["while it serves", "while it ends"]
)
async def test_a_failure_is_told_only_while_the_batcher_serves(
    monkeypatch: pytest.MonkeyPatch, stops_meanwhile: bool, lines: int
) -> None:
    monkeypatch.setattr(reclaim, "RECLAIM_EVERY", 0.001)
    broker: Any = Unreachable(stops_meanwhile=stops_meanwhile)

    with capture_logs() as said:
        await reclaim.reclaim_until(broker.stopping, broker)

    assert [line["event"] for line in said] == ["reclaim failed"] * lines
