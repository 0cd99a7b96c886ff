"""What has gathered for the writer's next trip to the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from broker.messages import AdmitRequest, Job

if TYPE_CHECKING:
    from server.answer import Answer


class Parcel:
    """The jobs of one answer that are to be admitted together, for the revision they were encoded for."""

    __slots__ = ("answer", "jobs", "model")

    def __init__(self, answer: Answer, jobs: Sequence[Job]) -> None:
        self.answer = answer
        self.jobs = jobs
        self.model = answer.served.card.key

    def request(self, now: float) -> AdmitRequest:
        """As the broker wants it; the time left is counted when the trip begins."""
        return AdmitRequest(model=self.model, jobs=self.jobs, time_left=self.answer.deadline - now)


class Outbox:
    """Parcels and cancellations, oldest first, and an event that says there are some."""

    def __init__(self) -> None:
        self._parcels: list[Parcel] = []
        self._cancelled: dict[str, float] = {}  # job id → its deadline
        self._filled = asyncio.Event()

    def put(self, parcel: Parcel) -> None:
        self._parcels.append(parcel)
        self._filled.set()

    def cancel(self, jobs: Mapping[str, float]) -> None:
        """Nobody waits for these any more (id → deadline)."""
        self._cancelled.update(jobs)
        self._filled.set()

    async def filled(self) -> None:
        """Return once there is something to take."""
        await self._filled.wait()

    def take(self, now: float) -> tuple[list[Parcel], dict[str, float]]:
        """Everything that is still wanted: parcels, and cancellations as id → seconds to remember them."""
        parcels = [parcel for parcel in self._parcels if parcel.answer.is_awaited and parcel.answer.deadline > now]
        cancelled = {job: deadline - now for job, deadline in self._cancelled.items() if deadline > now}
        self._parcels, self._cancelled = [], {}
        self._filled.clear()
        return parcels, cancelled

    def withdraw(self) -> list[Parcel]:
        """Take the parcels back out: no trip will be made for them."""
        parcels, self._parcels = self._parcels, []
        return parcels
