"""What Prometheus reads of a broker: asked for at a scrape, by a thread of a front end, with a front end's rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import LISTS
from broker.header import number
from broker.keys import Keys
from broker.messages import Lane
from broker.redis.connection import make_sync_client, translated

LIMIT = 1.0  # seconds that an answer may take: whoever scrapes waits for it
LOOKS = ("INFO", "memory"), ("TIME",)
REMEDY = "load docs/acl/users.acl; jitney doctor --role front-end"
log = structlog.get_logger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedLane:
    """One lane of a model's queue. None here and below: it may not be read, or is something else."""

    jobs: int | None
    tokens: int | None
    oldest_age: float  # seconds; 0.0 where nothing waits


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedModel:
    """What the broker holds for one ⟨m⟩."""

    lanes: Mapping[Lane, ObservedLane]
    suspects: int | None
    claimed: int | None  # jobs in batches under way
    dead: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A broker at about one moment."""

    models: Mapping[str, ObservedModel] = field(default_factory=dict)  # by ⟨m⟩
    memory: int | None = None  # bytes in use
    max_memory: int | None = None  # bytes; 0: no bound
    history_blocks: int | None = None  # that wait for the history's writer
    history_bytes: int | None = None  # of these


class Observer:
    """Connects anew each time: after a failover an idle connection would lead to the old server."""

    def __init__(self, url: str, namespace: str) -> None:
        self._url, self._keys = url, Keys(namespace)
        self._denied = ThrottledLog(log.warning)

    def observe(self, models: Sequence[str]) -> Observation:
        """What there is for these ⟨m⟩. May raise a `BrokerError`; what this user may not read is left out."""
        asked = [_asked(self._keys, model) for model in models]
        history = [("LLEN", self._keys.history), ("HGET", self._keys.history_state, "bytes")]
        memory, time, blocks, held, *answers = self._ask([*LOOKS, *history, *(look for one in asked for look in one)])
        now = float(time[0]) + float(time[1]) / 1e6 if time else None
        answer = iter(answers)
        rows = [[next(answer) for _ in one] for one in asked]
        return Observation(
            models={model: _model(row, now) for model, row in zip(models, rows, strict=True)},
            memory=memory["used_memory"] if memory else None,
            max_memory=memory.get("maxmemory") if memory else None,
            history_blocks=blocks,
            history_bytes=_count(held) if blocks else blocks,
        )

    def _ask(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """In one trip. None stands for what is denied, or is of another kind."""
        with (
            translated(),
            closing(make_sync_client(self._url, name="jitney-metrics", socket_timeout=LIMIT)) as client,
            client.pipeline(transaction=False) as pipe,
        ):
            for command in commands:
                pipe.execute_command(*command)
            answers = pipe.execute(raise_on_error=False)
        if said := next((str(one) for one in answers if isinstance(one, Exception)), ""):
            self._denied("metrics left out", reason=said, remedy=REMEDY)
        return [None if isinstance(one, Exception) else one for one in answers]


def _asked(keys: Keys, model: str) -> list[Sequence[Any]]:
    """In the order in which `_model` reads it."""
    lists = [keys.list(model, lane, number) for lane in Lane for number in range(LISTS)]
    looks: list[Sequence[Any]] = [("LLEN", name) for name in lists]
    looks += [("LRANGE", name, 0, 0) for name in lists]
    looks.append(("MGET", *(keys.tokens(model, lane) for lane in Lane)))
    looks += [("LLEN", keys.suspects(model)), ("LLEN", keys.dead(model)), ("HMGET", keys.held(model), "#jobs")]
    return looks


def _model(row: Sequence[Any], now: float | None) -> ObservedModel:
    *of_lists, tokens, suspects, dead, claimed = row
    lengths, heads = of_lists[: len(of_lists) // 2], of_lists[len(of_lists) // 2 :]
    lanes = {
        lane: ObservedLane(
            jobs=_sum(lengths[at : at + LISTS]),
            tokens=_count(tokens[at // LISTS]) if tokens else None,
            oldest_age=_oldest_age(heads[at : at + LISTS], now),
        )
        for lane, at in zip(Lane, range(0, len(lengths), LISTS), strict=True)
    }
    return ObservedModel(lanes=lanes, suspects=suspects, claimed=_count(claimed[0]) if claimed else None, dead=dead)


def _sum(lengths: Sequence[int | None]) -> int | None:
    known = [length for length in lengths if length is not None]
    return sum(known) if known else None


def _count(stored: bytes | None) -> int | None:
    """None for what is no number."""
    try:
        return max(0, int(stored or b"0"))
    except ValueError:
        return None


def _oldest_age(heads: Sequence[Sequence[bytes] | None], now: float | None) -> float:
    admitted = [stamp for head in heads for job in head or () if (stamp := number(job, "admitted") / 1000)]
    return max(0.0, now - min(admitted)) if admitted and now is not None else 0.0
