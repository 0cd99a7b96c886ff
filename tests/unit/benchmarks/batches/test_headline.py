"""In which way a batch is sent, and when the interactive requests beside it come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from benchmarks.batches.contract import GROUNDS, Bursts, Way
from benchmarks.batches.headline import interactive, send_batch
from benchmarks.load.sending import dues

pytestmark = pytest.mark.anyio

CARD = GROUNDS[0]
BURSTS = Bursts(period=4.0, warm_up=4.0, duration=8.0)


@dataclass
class Noting:
    """Notes how it was asked to send."""

    until: float = 12.0
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def send(self, path: str, lines: Sequence[bytes], lane: str, in_flight: int) -> None:
        self.asked.append((path, lane, in_flight))

    async def send_file(self, path: str, lines: Sequence[bytes]) -> None:
        self.asked.append((path, len(lines)))


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        pytest.param(Way.PLAIN, ("/models/card", "interactive", 32), id="as plain requests"),
        pytest.param(Way.BULK, ("/models/card", "bulk", 32), id="in the bulk lane"),
        pytest.param(Way.FILES, ("/models/card", 2400), id="as a file with more lines than there is time for"),
    ],
)
async def test_each_way_sends_a_batch_as_it_says(way, asked):
    sender = Noting()

    await send_batch(sender, CARD, way, 0)

    assert sender.asked == [asked]


def test_interactive_requests_come_in_the_bursts_only_and_alike_in_every_way():
    found = [list(dues(interactive("http://127.0.0.1:1", CARD, BURSTS, seed=1))) for _ in range(2)]

    assert found[0] == found[1]
    assert {int(due % 4) for due in found[0]} == {0, 1}
    assert len(found[0]) == pytest.approx(1200, rel=0.1)
