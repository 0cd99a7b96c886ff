"""What a real server holds at one moment, read behind the broker's back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from broker.body import pack
from broker.contract import LISTS as HOW_MANY
from broker.header import text
from broker.keys import Keys
from broker.messages import Job, Lane, Outcome, Result
from broker.redis.batching.depth import lists_in
from broker.wire import decode_frame, decode_job, lies_apart

MODEL = "toy@r1"
LISTS = ("q:", "suspect:", "dead:", "reply:", "bell:", "wake:")
FIXED = ("cards", "batchers", "epoch", "dead:", "limits:")  # these need no end
GONE = pack({"input": None})  # in place of a body that is not there any more
NO_END = -1  # what PTTL says of a key that stays for ever

Place = tuple[Lane, int]  # a lane, and one of its lists
PLACES = [(lane, number) for lane in Lane for number in range(HOW_MANY)]
Seen = tuple[str, int]  # a job: its id and its attempts
Fate = tuple[str, str]  # an outcome: its job, and `result` or the failure's code


def fate(outcome: Outcome) -> Fate:
    return outcome.job_id, "result" if isinstance(outcome, Result) else outcome.code.value


@dataclass(slots=True, kw_only=True)
class Census:
    """Jobs by the place they are in, and how long each key will last."""

    now: float  # seconds, the server's clock
    lists: Mapping[Place, Sequence[Job]]
    turns: Mapping[Lane, frozenset[int]]  # the lists that may hold jobs
    suspects: Sequence[Job]
    dead: Sequence[Job]
    leases: Mapping[str, Sequence[Job]]  # by batch, as claimed
    staged: frozenset[str]
    expiries: Mapping[str, float]  # batch → seconds
    under_way: Mapping[str, int]  # batch → jobs that it is said to hold; and their sum
    tokens: Mapping[Lane, int | None]  # None: no counter
    bytes: Mapping[Lane, int | None]
    bodies: frozenset[str]  # of jobs whose bodies lie apart: those that are there
    wake_tokens: int
    frames: Mapping[str, Sequence[Sequence[Fate]]]  # by front end
    running: Mapping[str, frozenset[str]]  # caller → its requests under way
    used: Mapping[str, float]  # of policies, by `caller:policy`
    refused: Mapping[str, int]  # how often, by the same
    ends: Mapping[str, int] = field(repr=False)  # key → ms it still lives

    def snapshot(self) -> dict[str, Any]:
        """The same words as the model's, so that the two may be compared."""
        return {
            **{f"{lane} {number}": _seen(jobs) for (lane, number), jobs in self.lists.items()},
            **{f"tokens of {lane}": count for lane, count in self.tokens.items()},
            **{f"bytes of {lane}": count for lane, count in self.bytes.items()},
            "suspects": _seen(self.suspects),
            "dead": _seen(self.dead),
            "leases": {batch: (batch in self.staged, _seen(jobs)) for batch, jobs in self.leases.items()},
            "expiries": sorted(self.expiries),
            "running": dict(self.running),
            "refused": dict(self.refused),
            "used": {name: round(amount) for name, amount in self.used.items()},
            "frames": {name: [list(frame) for frame in frames] for name, frames in self.frames.items()},
        }

    def miscounted(self) -> Mapping[str, int]:
        """What is under way as it is told to admissions, where it is not what leases hold."""
        right = {batch: len(jobs) for batch, jobs in self.leases.items() if jobs}
        right |= {"#jobs": sum(right.values())} if right else {}
        told = {name: count for name, count in self.under_way.items() if name != "#tokens"}
        return {} if told == right else told

    def held(self) -> list[str]:
        """The ids in every place where a job may be before its end."""
        places = [*self.lists.values(), self.suspects, *self.leases.values(), self.dead]
        return [job.id for place in places for job in place]

    def hasty_keys(self) -> list[str]:
        """Keys that would be gone before the last deadline of the jobs they hold, or count."""
        keys, needed = Keys(""), dict[str, Sequence[Job]]()
        needed |= {keys.list(MODEL, *place): jobs for place, jobs in self.lists.items()}
        for lane in Lane:
            needed |= {one(MODEL, lane): self.waiting(lane) for one in (keys.tokens, keys.lane_bytes)}
            needed[keys.turn(MODEL, lane)] = self.waiting(lane, *range(1, HOW_MANY))
        needed[keys.suspects(MODEL)] = self.suspects
        needed |= {keys.lease(batch): jobs for batch, jobs in self.leases.items()}
        needed[keys.leases(MODEL)] = needed[keys.held(MODEL)] = [job for jobs in self.leases.values() for job in jobs]
        needed |= {keys.body(job.id): [job] for jobs in [*needed.values()] for job in jobs if job.id in self.bodies}
        short = {key.removeprefix(keys.prefix): jobs for key, jobs in needed.items()}
        return [key for key, jobs in short.items() if jobs and self.ends.get(key, 0) / 1000 < self._longest(jobs)]

    def waiting(self, lane: Lane, *numbers: int) -> list[Job]:
        """In these lists of a lane, or in all."""
        return [job for number in numbers or range(HOW_MANY) for job in self.lists[lane, number]]

    def without_turn(self) -> list[Place]:
        """Lists of jobs whose turn never comes."""
        return [place for place, jobs in self.lists.items() if jobs and place[1] not in self.turns[place[0]]]

    def endless_keys(self) -> list[str]:
        """Keys that nothing will ever remove, and that are not meant to stay."""
        return [key for key, left in self.ends.items() if left == NO_END and not key.startswith(FIXED)]

    def _longest(self, jobs: Sequence[Job]) -> float:
        return max(job.deadline for job in jobs) - self.now


def _seen(jobs: Sequence[Job]) -> list[Seen]:
    return [(job.id, job.attempts) for job in jobs]


def take(server: redis.Redis, keys: Keys) -> Census:
    """Two trips, with nobody else at work meanwhile."""
    found: Any = server.keys(keys.prefix + "*")
    names = sorted(name.decode().removeprefix(keys.prefix) for name in found)
    pipe = server.pipeline(transaction=True)
    for name in names:
        pipe.pttl(keys.prefix + name)
        _read(pipe, keys.prefix + name, name)
    pipe.time()
    *answers, (seconds, micros) = pipe.execute()
    ends = dict(zip(names, answers[::2], strict=True))
    return _census(dict(zip(names, answers[1::2], strict=True)), ends, seconds + micros / 1e6)


def _read(pipe: Any, key: str, name: str) -> None:
    if name.startswith(LISTS):
        pipe.lrange(key, 0, -1)
    elif name.startswith(("leases:", "cancel:", "running:")):
        pipe.zrange(key, 0, -1, withscores=True)
    elif name.startswith(("lease:", "held:", "cards", "batchers", "limits:", "refused")):
        pipe.hgetall(key)
    else:
        pipe.get(key)


def _census(values: Mapping[str, Any], ends: Mapping[str, int], now: float) -> Census:
    leases, frames, bodies = (dict(_those(values, prefix)) for prefix in ("lease:", "reply:", "body:"))
    further = {one: f":{one[1]}" if one[1] else "" for one in PLACES}
    return Census(
        now=now,
        lists={one: _jobs(values.get(f"q:{MODEL}:{one[0]}{further[one]}", ()), bodies) for one in PLACES},
        turns={lane: frozenset([0, *lists_in(values.get(f"turn:{MODEL}:{lane}"))]) for lane in Lane},
        suspects=_jobs(values.get(f"suspect:{MODEL}", ()), bodies),
        dead=_jobs(values.get(f"dead:{MODEL}", ()), bodies),
        leases={batch: _leased(entry, bodies) for batch, entry in leases.items()},
        staged=frozenset(batch for batch, entry in leases.items() if b"staged" in entry),
        expiries={batch.decode(): score / 1000 for batch, score in values.get(f"leases:{MODEL}", ())},
        under_way={batch.decode(): int(entry.split()[0]) for batch, entry in values.get(f"held:{MODEL}", {}).items()},
        tokens={lane: _number(values.get(f"tokens:{MODEL}:{lane}")) for lane in Lane},
        bytes={lane: _number(values.get(f"bytes:{MODEL}:{lane}")) for lane in Lane},
        bodies=frozenset(bodies),
        wake_tokens=len(values.get(f"wake:{MODEL}", ())),
        frames={name: [list(map(fate, decode_frame(frame))) for frame in found] for name, found in frames.items()},
        running={name: frozenset(id.decode() for id, _ in entry) for name, entry in _those(values, "running:")},
        used={name: float(entry.split()[0]) for name, entry in _those(values, "rate:")},
        refused={name.decode(): int(times) for name, times in values.get("refused", {}).items()},
        ends=ends,
    )


def _those(values: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    return [(name.removeprefix(prefix), value) for name, value in values.items() if name.startswith(prefix)]


def _number(count: bytes | None) -> int | None:
    return None if count is None else int(count)


def _jobs(found: Sequence[bytes], bodies: Mapping[str, bytes]) -> list[Job]:
    return [decode_job(data, bodies.get(text(data, "id"), GONE) if lies_apart(data) else None) for data in found]


def _leased(entry: Mapping[bytes, bytes], bodies: Mapping[str, bytes]) -> list[Job]:
    """The jobs of a lease, in the order in which they were claimed; fields it should not have are not overlooked."""
    order = entry.get(b"order", b"")
    ids = [order[at : at + 32] for at in range(0, len(order) // 32 * 32, 32)]
    strangers = entry.keys() - {b"order", b"staged", *ids}
    assert not strangers, f"a lease holds {strangers}"
    return _jobs([entry[one] for one in ids if one in entry], bodies)
