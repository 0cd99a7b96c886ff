"""Predictions that their clients were refused: a creation that got no answer may have been carried out all the same."""

from __future__ import annotations

from collections import deque

from broker.errors import BrokerError, BrokerUnavailable
from broker.predictions.contract import PredictionBroker

MOST = 1_000  # ids; the oldest give way, and their predictions end by themselves
AT_ONCE = 50  # by one beat


class Unwanted:
    """What is to be forgotten once the broker answers."""

    def __init__(self) -> None:
        self._ids: deque[str] = deque(maxlen=MOST)

    def add(self, id: str) -> None:
        self._ids.append(id)

    async def forget(self, broker: PredictionBroker) -> None:
        """A few of them. Raises `BrokerUnavailable`; then they are still there."""
        for _ in range(min(AT_ONCE, len(self._ids))):
            try:
                await forget(broker, self._ids[0])
            except BrokerUnavailable:
                raise
            except BrokerError:  # this user may not: it ends by itself
                pass
            self._ids.popleft()


async def forget(broker: PredictionBroker, id: str) -> None:
    """Whether it is open or has ended: nothing of it stays."""
    before = await broker.remove(id)
    if before is not None and before.is_open:  # it is canceled now, and kept as that
        await broker.remove(id)
