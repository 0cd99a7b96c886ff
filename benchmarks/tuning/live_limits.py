"""Live limits on trial: set for a while, and the operator's own are put back whatever happens."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

import redis

from broker.contract import PRESENCE_TTL
from broker.errors import WireError
from broker.header import STAMP
from broker.keys import Keys
from broker.messages import Limits, Presence
from broker.registry import BEFORE, decode_presence

# A script rather than a MULTI: docs/acl lets operators run those, and it is as whole.
REPLACE = "redis.call('DEL', KEYS[1]) if #ARGV > 0 then redis.call('HSET', KEYS[1], unpack(ARGV)) end"


KNOBS = ("max_batch_size", "max_batch_tokens", "max_wait", "policy")
SETTLING = 1.5  # seconds until a beat has brought new limits to every batcher
NOT_TAKEN_UP = "not every batcher announced these limits"
ENDING = (signal.SIGTERM, signal.SIGHUP)  # as Ctrl-C
LOOK = 0.1  # seconds between two looks at what batchers announce


class LiveLimits:
    """The live limits of one model. Those from before the first trial stand beside it, so that a kill is survived."""

    def __init__(self, client: redis.Redis, keys: Keys, model: str) -> None:
        self._client, self._batchers = client, keys.batchers
        self._name = model.partition("@")[0]
        self._key = keys.limits(self._name)

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
        self._replace({**_entry(limits), BEFORE: found.get(BEFORE) or json.dumps(found)})

    def are_for_an_slo(self) -> bool:
        """Whether a live batcher of the model takes them for a bound only, and sizes its batches itself."""
        return any(one.slo is not None for one in self._presences())

    async def taken_up(self, limits: Limits, *, within: float = 2 * PRESENCE_TTL) -> bool:
        """Wait until every live batcher of the model announces these; False where one does not within so many seconds.
        Of one that does not say, time alone is proof."""
        waited = 0.0
        while (found := have_taken_up(limits, self._presences())) is not True and waited < within:
            if found is None and waited >= SETTLING:
                return True
            await asyncio.sleep(LOOK)
            waited += LOOK
        return found is True

    def apply(self, limits: Limits) -> None:
        """Leave these, as an operator who sets them would."""
        version = int(self._read().get("version", 0)) + 1
        self._replace({**_entry(limits), "version": str(version)})

    @contextmanager
    def on_trial(self) -> Iterator[LiveLimits]:
        """Whatever ends the block, SIGTERM and a lost terminal too, the limits from before are back. A second Ctrl-C
        waits for that. Call it from the main thread."""
        try:
            with _handled(_interrupt, *ENDING):
                yield self
        finally:
            with _signals_held():
                self.restore()

    def announced(self) -> Limits:
        """Those that batchers have now; the defaults where none says."""
        return next((replace(one.limits, version=0) for one in self._presences() if one.limits), Limits())

    def tokens(self) -> float:
        """Of a job lately, on average over the batchers; 0.0 where the model has none."""
        costs = [one.cost for one in self._presences() if one.cost]
        return sum(costs) / len(costs) if costs else 0.0

    def _presences(self) -> list[Presence]:
        entries: Any = self._client.hgetall(self._batchers)
        clock: Any = self._client.time()
        now = clock[0] + clock[1] / 1e6
        return [
            one for entry in entries.values() if (one := _live(entry, now)) and one.model.startswith(f"{self._name}@")
        ]

    def _read(self) -> dict[str, str]:
        found: Any = self._client.hgetall(self._key)
        return {name.decode(): value.decode() for name, value in found.items()}

    def _replace(self, entry: Mapping[str, str]) -> None:
        self._client.eval(REPLACE, 1, self._key, *(word for pair in entry.items() for word in pair))


def have_taken_up(limits: Limits, batchers: Sequence[Presence]) -> bool | None:
    """Whether all of them announce these; None where those that say so do, and others do not say. Pure."""
    said = [one.limits for one in batchers if one.limits is not None]
    if not batchers or any(getattr(one, knob) != getattr(limits, knob) for one in said for knob in KNOBS):
        return False
    return True if len(said) == len(batchers) else None


def _live(entry: bytes, now: float) -> Presence | None:
    """As front ends count: of whom nothing was heard lately is none."""
    try:
        age = now - int(entry[:STAMP]) / 1000
        return decode_presence(entry.partition(b"\n")[2]) if abs(age) <= PRESENCE_TTL else None
    except (ValueError, WireError):
        return None


def _entry(limits: Limits) -> dict[str, str]:
    return {name: str(getattr(limits, name)) for name in KNOBS}


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """As Ctrl-C does."""
    raise KeyboardInterrupt


@contextmanager
def _signals_held() -> Iterator[None]:
    """What comes meanwhile comes afterwards."""
    came: list[int] = []
    with _handled(lambda number, frame: came.append(number), signal.SIGINT, *ENDING):
        yield
    if came:
        raise KeyboardInterrupt
