"""Who follows which predictions at this front end. One look at the broker is for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from broker.predictions.contract import Prediction, State

Waiting = list[tuple[Prediction, asyncio.Future[Prediction | None]]]


class Followers:
    """Each waits until its prediction has come further than it knows."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}

    @property
    def ids(self) -> Iterable[str]:
        """Those that are to be looked for."""
        return self._waiting

    async def until_changed(self, seen: Prediction, seconds: float) -> Prediction | None:
        """It as it is once that is not what was seen; None where it is gone. The same after so many seconds."""
        future: asyncio.Future[Prediction | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(seen.id, []).append((seen, future))
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return seen
        finally:
            self._no_longer(seen.id, future)

    def note(self, id: str, found: Prediction | None) -> None:
        """As the broker has it."""
        for seen, future in self._waiting.get(id, ()):
            if (found is None or _progress(found) != _progress(seen)) and not future.done():
                future.set_result(found)

    def end(self) -> None:
        """Nobody is told anything any more."""
        for waiting in self._waiting.values():
            for seen, future in waiting:
                if not future.done():
                    future.set_result(seen)

    def _no_longer(self, id: str, future: asyncio.Future[Prediction | None]) -> None:
        left = [one for one in self._waiting[id] if one[1] is not future]
        if left:
            self._waiting[id] = left
        else:
            del self._waiting[id]


def _progress(one: Prediction) -> tuple[State, int, int]:
    return one.state, one.done, one.failed
