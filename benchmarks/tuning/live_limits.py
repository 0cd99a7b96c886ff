"""Live limits on trial: set for a while, and the operator's own are put back whatever happens."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import redis

from broker.keys import Keys
from broker.messages import Limits
from broker.registry import BEFORE

# A script rather than a MULTI: docs/acl lets operators run those, and it is as whole.
REPLACE = "redis.call('DEL', KEYS[1]) if #ARGV > 0 then redis.call('HSET', KEYS[1], unpack(ARGV)) end"


class LiveLimits:
    """The live limits of one model. Those from before the first trial stand beside it, so that a kill is survived."""

    def __init__(self, client: redis.Redis, keys: Keys, model: str) -> None:
        self._client = client
        self._key = keys.limits(model.partition("@")[0])

    def is_on_trial(self) -> bool:
        """Whether a trial is under way, or was killed: nobody can tell."""
        return BEFORE in self._read()

    def restore(self) -> bool:
        """Put back what stood there before a trial; False where none is under way."""
        kept = self._read().get(BEFORE)
        if kept is not None:
            self._replace(json.loads(kept))
        return kept is not None

    def set(self, limits: Limits) -> None:
        """Try these. What stood there before is kept by the same stroke."""
        found = self._read()
        kept = found.get(BEFORE) or json.dumps(found)
        names = ("max_batch_size", "max_batch_tokens", "max_wait", "policy")
        self._replace({**{name: str(getattr(limits, name)) for name in names}, BEFORE: kept})

    @contextmanager
    def on_trial(self) -> Iterator[LiveLimits]:
        """Whatever ends the block, SIGTERM too, the limits from before are back. Call it from the main thread."""
        try:
            with _sigterm_interrupts():
                yield self
        finally:
            self.restore()

    def _read(self) -> dict[str, str]:
        found: Any = self._client.hgetall(self._key)
        return {name.decode(): value.decode() for name, value in found.items()}

    def _replace(self, entry: Mapping[str, str]) -> None:
        self._client.eval(REPLACE, 1, self._key, *(word for pair in entry.items() for word in pair))


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
