"""What a front end tells Prometheus of the broker: looked at when it is scraped, by the thread that answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from broker.admin.observer import Observation
from broker.errors import BrokerError
from server.fleet.directory import Directory

AGAIN = 1.0  # seconds for which a look is good enough: whoever scrapes all the time costs the broker no more
REMEMBERED = 900.0  # seconds: longer than anything may wait in the queue of a model that has gone
Observe = Callable[[Sequence[str]], Observation]


class BrokerView:
    """Models are looked at while they live, and a while longer: their queues outlive their batchers."""

    def __init__(self, observe: Observe, clock: Callable[[], float] = time.monotonic) -> None:
        self._observe, self._clock = observe, clock
        self._seen: dict[str, float] = {}  # ⟨m⟩ → when it last had a batcher, or was first known
        self._last, self._at = Observation(), float("-inf")
        self._turn = threading.Lock()

    def look(self, directory: Directory) -> Observation:
        """What there is now; nothing where the broker does not answer."""
        with self._turn:
            now = self._clock()
            if now - self._at >= AGAIN:
                self._last = self._looked(self._known(directory, now))
                self._at = self._clock()
            return self._last

    def _known(self, directory: Directory, now: float) -> Sequence[str]:
        listed = {one.card.key: now for one in directory.listed.values()}
        seen = {**listed, **self._seen, **dict.fromkeys(directory.live, now)}
        # A listed one is kept however long it has gone: else it would be known for the first time again.
        self._seen = {model: at for model, at in seen.items() if now - at < REMEMBERED or model in listed}
        return [model for model, at in self._seen.items() if now - at < REMEMBERED]

    def _looked(self, models: Sequence[str]) -> Observation:
        try:
            return self._observe(models)
        except BrokerError:  # the tasks log it, and `jitney_broker_up` tells it
            return Observation()
