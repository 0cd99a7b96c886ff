"""Who waits at this front end for which predictions. One look at the broker is for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from broker.predictions.contract import Prediction, State


@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    """Somebody waits until it has come further than what was seen; None: until it has ended."""

    seen: Prediction | None
    future: asyncio.Future[Prediction | None]

    def is_over(self, found: Prediction | None) -> bool:
        """Where it stands so at the broker; None: it is gone."""
        if found is None:
            return True
        return not found.state.is_open if self.seen is None else _progress(found) != _progress(self.seen)

    def end(self, found: Prediction | None) -> None:
        if not self.future.done():
            self.future.set_result(found)


class Waiting:
    """Each waits for one prediction, for so many seconds at most."""

    def __init__(self) -> None:
        self._waits: dict[str, list[Wait]] = {}

    def ids(self, running: Collection[str]) -> Iterator[str]:
        """Those that are to be looked for: of what runs here the end is told without."""
        return (id for id, waits in self._waits.items() if id not in running or any(one.seen for one in waits))

    async def until_ended(self, id: str, seconds: float) -> None:
        """Until it has ended, or is gone."""
        await self._until(id, None, seconds)

    async def until_changed(self, seen: Prediction, seconds: float) -> Prediction | None:
        """It as it is once that is not what was seen; None where it is gone. The same after so many seconds."""
        return await self._until(seen.id, seen, seconds)

    def note(self, id: str, found: Prediction | None) -> None:
        """As the broker has it."""
        for one in self._waits.get(id, ()):
            if one.is_over(found):
                one.end(found)

    def note_end(self, id: str) -> None:
        """It does not run here any more."""
        for one in self._waits.get(id, ()):
            if one.seen is None:
                one.end(None)

    def end(self) -> None:
        """Nobody waits for anything any more."""
        for waits in self._waits.values():
            for one in waits:
                one.end(one.seen)

    async def _until(self, id: str, seen: Prediction | None, seconds: float) -> Prediction | None:
        one = Wait(seen, asyncio.get_running_loop().create_future())
        self._waits.setdefault(id, []).append(one)
        try:
            async with asyncio.timeout(seconds):
                return await one.future
        except TimeoutError:
            return seen
        finally:
            self._waits[id].remove(one)
            if not self._waits[id]:
                del self._waits[id]


def _progress(one: Prediction) -> tuple[State, int, int]:
    return one.state, one.done, one.failed
