"""What the broker should hold after each step: the guarantee as plain lists, without a server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from broker.messages import REQUEST, AdmitRequest, Claim, FailureCode, Job, Lane, Limits, Policy
from broker.wire import LARGE, encode_job
from tests.faults.state_machine.census import PLACES, Census, Fate, Place

MAX_ATTEMPTS = 3
LOOKS = 4  # times the largest batch: so many jobs one drain looks at, or more
ALIVE = float("inf")
PASSED_OVER = 40  # claims from other lists of its lane, one after another: by these weights and limits no more


@dataclass(slots=True, kw_only=True)
class Lease:
    """A batch's claim on its jobs."""

    jobs: list[str]
    staged: bool
    expired: float = ALIVE  # its place in the order of expiry


@dataclass(slots=True)
class BrokerModel:
    """Where every job is. Jobs are known by their ids; `jobs` has them as they were admitted."""

    jobs: dict[str, Job] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    unwanted: set[str] = field(default_factory=set)  # expired or cancelled
    lists: dict[Place, list[str]] = field(default_factory=lambda: {place: [] for place in PLACES})
    passed: dict[Place, int] = field(default_factory=dict)  # how often the others had their turn before it
    suspects: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    leases: dict[str, Lease] = field(default_factory=dict)
    frames: dict[str, list[list[Fate]]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)  # an outcome was published
    dropped: set[str] = field(default_factory=set)  # unwanted, and passed over
    token_taken: bool = False  # by a batcher that has not drained since
    running: dict[str, set[str]] = field(default_factory=dict)  # caller → requests that count as under way
    used: dict[str, int] = field(default_factory=dict)  # by `caller:policy`
    refused: Counter[str] = field(default_factory=Counter)  # the same

    def waiting(self) -> int:
        return len(self.suspects) + sum(map(len, self.lists.values()))

    def lane(self, lane: Lane) -> list[str]:
        """What waits in all its lists."""
        return [id for (one, _), ids in self.lists.items() if one is lane for id in ids]

    def held(self, batch: str) -> list[str]:
        return self.leases[batch].jobs if batch in self.leases else []

    def snapshot(self) -> dict[str, Any]:
        """The same words as a census of the server."""
        return {
            **{f"{lane} {number}": self._seen(ids) for (lane, number), ids in self.lists.items()},
            **{f"tokens of {lane}": self._tokens(self.lane(lane)) if self.lane(lane) else None for lane in Lane},
            **{f"bytes of {lane}": self.bytes_of(self.lane(lane)) if self.lane(lane) else None for lane in Lane},
            "suspects": self._seen(self.suspects),
            "dead": self._seen(self.dead),
            "leases": {batch: (lease.staged, self._seen(lease.jobs)) for batch, lease in self.leases.items()},
            "expiries": sorted(self.leases),
            "frames": {front_end: frames for front_end, frames in self.frames.items() if frames},
            "running": {caller: ids for caller, ids in self.running.items() if ids},
            "used": self.used,
            "refused": self.refused,
        }

    def lost(self) -> set[str]:
        """Admitted jobs that are in no place and have no end."""
        places = [*self.lists.values(), self.suspects, self.dead, *(lease.jobs for lease in self.leases.values())]
        return self.jobs.keys() - self.answered - self.dropped - {id for place in places for id in place}

    def bytes_of(self, ids: Sequence[str]) -> int:
        """With their bodies."""
        return sum(len(encode_job(self.jobs[id])) for id in ids)

    def without_body(self, ids: Sequence[str], bodies: Collection[str]) -> list[str]:
        """Those of these whose bodies lay apart and are gone: of each somebody has said the end, or nobody waits."""
        gone = [id for id in ids if len(encode_job(self.jobs[id])) > LARGE and id not in bodies]
        assert set(gone) <= self.unwanted | self.answered, f"the bodies of {gone} are gone, and somebody waits"
        return gone

    # The steps

    def admit(self, jobs: Sequence[Job], *, expired: bool) -> None:
        for job in jobs:
            self.jobs[job.id], self.attempts[job.id] = job, 0
            self.lists[job.lane, job.list].append(job.id)
        if expired:
            self.unwanted |= {job.id for job in jobs}

    def refused_by(self, request: AdmitRequest) -> int | None:
        """The place of the first policy that does not allow it. Nothing leaks away: their windows are months."""
        for place, policy in enumerate(request.policies):
            used, amount = self._used(request.caller, policy), _amount(request, policy)
            is_at_once = policy.kind == "concurrency"
            if used + amount > policy.quota and (used or is_at_once):
                return place
        return None

    def charge(self, request: AdmitRequest) -> None:
        for policy in request.policies:
            if policy.kind == "concurrency":
                self.running.setdefault(request.caller, set()).add(request.jobs[0].id[:REQUEST])
            else:
                name = f"{request.caller}:{policy.name}"
                self.used[name] = self.used.get(name, 0) + _amount(request, policy)

    def _used(self, caller: str, policy: Policy) -> int:
        return (
            len(self.running.get(caller, ()))
            if policy.kind == "concurrency"
            else self.used.get(f"{caller}:{policy.name}", 0)
        )

    def drain(self, claim: Claim, limits: Limits, census: Census, *, staged: bool, suspects: bool, aged: bool) -> None:
        """Which jobs a claim takes is the broker's business; whether it may take these is ours."""
        self.token_taken = False
        lists = {one: self._gone(ids, [job.id for job in census.lists[one]]) for one, ids in self.lists.items()}
        blamed = self._gone(self.suspects, [job.id for job in census.suspects])
        ids, gone = [job.id for job in claim.jobs], [*(id for ids in lists.values() for id in ids), *blamed]
        bodiless = self.without_body(gone, census.bodies)
        wanted = [id for id in gone if id not in self.unwanted and id not in bodiless]
        assert sorted(ids) == sorted(wanted), f"claimed {ids}; the lists gave {wanted}"
        for place, of_list in lists.items():
            mine = [job.id for job in claim.jobs if (job.lane, job.list) == place and not job.attempts]
            assert mine == [id for id in of_list if id in mine], f"the order of {place} was not kept"
        assert [job.attempts for job in claim.jobs] == [self.attempts[id] for id in ids]
        self._assert_fits(ids, limits)
        self._assert_fair(ids, staged=staged)
        if not ids and not bodiless:
            self._assert_nothing_to_do(gone, limits, staged=staged)
        first = self.suspects[: limits.max_batch_size]
        if suspects and not staged and not bodiless and any(id not in self.unwanted for id in first):
            assert set(ids) <= set(self.suspects), "suspects were to go first"
        is_tired = len(gone) >= LOOKS * limits.max_batch_size
        bulk = {id for (lane, _), of_list in lists.items() if lane is Lane.BULK for id in of_list}
        if not aged and not is_tired and set(ids) & bulk:
            assert not census.waiting(Lane.INTERACTIVE), "bulk fills only what interactive leaves"
        self.dropped |= set(gone) & (self.unwanted | {*bodiless})
        self.lists = {place: ids[len(lists[place]) :] for place, ids in self.lists.items()}
        self._count_turns({place for place, of_list in lists.items() if of_list})
        self.suspects = self.suspects[len(blamed) :]
        if ids:
            self.leases[claim.batch] = Lease(jobs=ids, staged=staged)
        assert (claim.left, claim.suspects) == (self.waiting(), len(self.suspects))

    def finish(self, batch: str, ids: Sequence[str], *, done: bool, starts: str | None) -> None:
        if starts in self.leases:
            self.start(starts)
        if batch in self.leases:
            self.leases[batch].jobs = [id for id in self.held(batch) if id not in ids]
            if done:
                del self.leases[batch]
        by_front_end: dict[str, list[Fate]] = {}
        for id in ids:
            by_front_end.setdefault(self.jobs[id].front_end, []).append((id, "result"))
        for front_end, frame in by_front_end.items():
            self._publish(front_end, frame)

    def fail(self, batch: str, ids: Sequence[str], code: FailureCode) -> None:
        for id in ids:
            if id in self.held(batch):
                self.leases[batch].jobs.remove(id)
                self._publish(self.jobs[id].front_end, [(id, code.value)])
        if batch in self.leases and not self.leases[batch].jobs:
            del self.leases[batch]

    def start(self, batch: str) -> None:
        if batch in self.leases:
            self.leases[batch].staged = False

    def release(self, batch: str) -> None:
        ids = self.held(batch)
        self.leases.pop(batch, None)
        self.suspects[:0] = [id for id in ids if self.attempts[id]]
        self._to_head([id for id in ids if not self.attempts[id]])

    def reclaim(self, admitted: Mapping[str, float]) -> list[str]:
        """The ids of the dead letters."""
        known, fresh = len(self.dead), list[str]()
        for batch in self.expired():
            lease = self.leases.pop(batch)
            for id in lease.jobs:
                if lease.staged and not self.attempts[id]:
                    fresh.append(id)
                else:
                    self._suspect(id, crashes=0 if lease.staged else 1)
        self._to_head(sorted(fresh, key=lambda id: admitted[id]))
        return self.dead[known:]

    def expired(self) -> list[str]:
        """The batches whose lease is over, in that order."""
        return sorted((batch for batch, one in self.leases.items() if one.expired < ALIVE), key=self._expiry)

    # Details

    def _expiry(self, batch: str) -> float:
        return self.leases[batch].expired

    def _suspect(self, id: str, *, crashes: int) -> None:
        self.attempts[id] += crashes
        if self.attempts[id] < MAX_ATTEMPTS:
            self.suspects.append(id)
        else:
            self.dead.append(id)
            self._publish(self.jobs[id].front_end, [(id, FailureCode.POISON.value)])

    def _to_head(self, ids: Sequence[str]) -> None:
        for place, waiting in self.lists.items():
            waiting[:0] = [id for id in ids if (self.jobs[id].lane, self.jobs[id].list) == place]

    def _count_turns(self, served: Collection[Place]) -> None:
        """Each list of a lane has its turn before the others have had theirs too often."""
        for place, ids in self.lists.items():
            had_others = any(other != place and other[0] is place[0] for other in served)
            is_passed = bool(ids) and place not in served
            self.passed[place] = self.passed.get(place, 0) + had_others if is_passed else 0
        assert max(self.passed.values()) <= PASSED_OVER, f"{self.passed} claims passed lists over"

    def _publish(self, front_end: str, frame: list[Fate]) -> None:
        self.frames.setdefault(front_end, []).append(frame)
        self.answered |= {id for id, _ in frame}

    def _gone(self, before: Sequence[str], after: Sequence[str]) -> list[str]:
        """What left a list: its head, or the order in which jobs came was not kept."""
        left = len(before) - len(after)
        assert list(before[left:]) == list(after), f"a drain made {after} of {before}"
        return list(before[:left])

    def _assert_fits(self, ids: Sequence[str], limits: Limits) -> None:
        assert len(ids) <= limits.max_batch_size
        assert len(ids) <= 1 or self._tokens(ids) <= limits.max_batch_tokens

    def _assert_fair(self, ids: Sequence[str], *, staged: bool) -> None:
        attempts = [self.attempts[id] for id in ids]
        assert not (staged and any(attempts)), "a suspect was staged"
        assert len(list(groupby(map(bool, attempts)))) <= 1, "a suspect shares a batch with others"
        assert len(ids) <= 1 or max(attempts) < MAX_ATTEMPTS - 1, "after two crashes each runs alone"

    def _assert_nothing_to_do(self, gone: Sequence[str], limits: Limits, *, staged: bool) -> None:
        """An empty claim is right where nothing live waits, or where the dead alone were work enough for one call."""
        candidates = [*self.lane(Lane.INTERACTIVE), *self.lane(Lane.BULK), *([] if staged else self.suspects)]
        live = [id for id in candidates if id not in self.unwanted]
        assert not live or len(gone) >= LOOKS * limits.max_batch_size, f"{live} wait, and nothing was claimed"

    def _seen(self, ids: Sequence[str]) -> list[tuple[str, int]]:
        return [(id, self.attempts[id]) for id in ids]

    def _tokens(self, ids: Sequence[str]) -> int:
        return sum(self.jobs[id].cost for id in ids)


def _amount(request: AdmitRequest, policy: Policy) -> int:
    return {"requests": 1, "jobs": len(request.jobs), "tokens": sum(job.cost for job in request.jobs)}[policy.unit]
