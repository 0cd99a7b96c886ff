"""What has gathered for the writer's next trip to the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from broker.messages import AdmitRequest, Job, Over

if TYPE_CHECKING:
    from server.errors import Problem
    from server.requests.request import PendingRequest


CANCELS_A_TRIP = 1_000


class Admission(Struct, eq=False):
    """The jobs of one request that are to be admitted together, for the revision they were encoded for."""

    request: PendingRequest
    jobs: Sequence[Job]
    model: str  # the card's key
    is_again: bool  # it was taken once, so it is not too late now
    _generation: int

    @classmethod
    def of(cls, request: PendingRequest, jobs: Sequence[Job]) -> Admission:
        return cls(request, jobs, request.served.key, request.may_be_queued, request.generation)

    @property
    def is_current(self) -> bool:
        """False once the request was encoded anew: it has another admission then, and nobody waits for these jobs."""
        return self._generation == self.request.generation

    @property
    def may_go_elsewhere(self) -> bool:
        """Where its revision has no room for it. What was taken once is paid for; what names one, or began with one
        that has to answer all of it, wants no other."""
        request = self.request
        return self.is_current and not self.is_again and not request.is_pinned and not request.is_part

    def refuse(self, problem: Problem) -> None:
        """The broker has not taken these jobs, so their request ends here."""
        if self.is_current:
            self.request.may_be_queued = False
            if not self.is_again:
                self.request.charged = ""
            self.request.refuse(problem)

    def is_wanted(self, now: float) -> bool:
        """Somebody waits for these jobs."""
        request = self.request
        return self._generation == request.generation and request.is_awaited and request.deadline > now

    def message(self, now: float) -> AdmitRequest:
        """As the broker wants it; the time left is counted when the trip begins."""
        request, jobs = self.request, self.jobs
        time_left, by_jobs, by_tokens = request.deadline - now, request.served.capacity, request.served.token_capacity
        cost, caller = sum([job.cost for job in jobs]), request.caller
        policies = () if self.is_again else caller.policies
        if policies and any(one.kind == "concurrency" for one in policies):
            request.charged = request.ids
        return AdmitRequest(
            model=self.model,
            jobs=jobs,
            time_left=time_left,
            lane=request.lane,
            most_ahead=None if self.is_again else by_jobs.most_ahead(time_left, len(jobs)),
            room=by_jobs.room,
            batch=by_jobs.batch,
            most_tokens_ahead=None if self.is_again else by_tokens.most_ahead(time_left, cost),
            room_tokens=by_tokens.room,
            batch_tokens=by_tokens.batch,
            list=caller.list,
            weight=caller.weight,
            caller=caller.id,
            policies=policies,
        )


class Outbox:
    """Admissions and cancellations, oldest first, and an event that says there are some."""

    def __init__(self) -> None:
        self._admissions: list[Admission] = []
        self._cancelled: dict[Over, float] = {}  # and the deadline of its jobs
        self._filled = asyncio.Event()

    def put(self, admission: Admission) -> None:
        self._admissions.append(admission)
        self._filled.set()

    def put_back(self, admissions: Sequence[Admission]) -> None:
        """The last trip had no room for these: they go first in the next."""
        if admissions:
            self._admissions[:0] = admissions
            self._filled.set()

    def cancel(self, jobs: Over, deadline: float) -> None:
        """Nobody waits for these any more; after their deadline the broker drops them by itself."""
        self._cancelled[jobs] = deadline
        self._filled.set()

    def keep(self, cancelled: Mapping[Over, float]) -> None:
        """These were not brought to the broker: they go with whatever goes next."""
        self._cancelled |= cancelled

    async def filled(self) -> None:
        """Return once there is something to take."""
        await self._filled.wait()

    def take(self, now: float) -> tuple[list[Admission], dict[Over, float]]:
        """What is still wanted: admissions, and as many cancellations as a trip takes, with their jobs' deadlines."""
        admissions = [admission for admission in self._admissions if admission.is_wanted(now)]
        live = [(jobs, deadline) for jobs, deadline in self._cancelled.items() if deadline > now]
        self._admissions, self._cancelled = [], dict(live[CANCELS_A_TRIP:])
        if not self._cancelled:
            self._filled.clear()
        return admissions, dict(live[:CANCELS_A_TRIP])

    def withdraw(self) -> list[Admission]:
        """Take the admissions back out: no trip will be made for them."""
        admissions, self._admissions = self._admissions, []
        return admissions
