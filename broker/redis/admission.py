"""What ADMIT and CANCEL are told of requests, and what ADMIT says of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from broker.header import SIZE
from broker.keys import Keys
from broker.messages import AdmitRequest, Allowance, Cancel, FailureCode, Over, Policy, Running, Verdict
from broker.trips import how_many
from broker.wire import LANES, LARGE, encode_jobs, without_body

REFUSALS = {
    "0": None,
    "1": FailureCode.CONTENDED,
    "3": FailureCode.EXPIRED,
    "4": FailureCode.BROKER_UNAVAILABLE,
    "5": FailureCode.BROKER_FULL,
}
CALLERS_A_TRIP = 128  # that are limited; with three policies each they take the broker 15 ms


class Carried(Struct, frozen=True):
    """A request as it travels."""

    request: AdmitRequest
    jobs: list[bytes]
    bodies: Mapping[str, bytes] = {}  # by job id: those that lie apart
    size: int = 0  # bytes


def _packed(request: AdmitRequest) -> Carried:
    jobs = encode_jobs(request.jobs)
    size = sum(map(len, jobs))
    if size <= LARGE:
        return Carried(request, jobs, size=size)
    bodies = {one.id: data[SIZE:] for one, data in zip(request.jobs, jobs, strict=True) if len(data) > LARGE}
    return Carried(request, [without_body(data) if len(data) > LARGE else data for data in jobs], bodies, size)


def carried_at_once(requests: Sequence[AdmitRequest]) -> Sequence[Carried]:
    """As many of these as one trip carries; no more are encoded than it takes to know. Where a caller's policies have
    changed the later ones go in the next: a trip has one set of each caller. The broker reads and writes each of
    these, while nobody else is served."""
    packed: list[Carried] = []
    policies: dict[str, Sequence[Policy]] = {}

    def sizes() -> Iterator[int]:
        for request in requests:
            if request.policies:
                is_changed = policies.setdefault(request.caller, request.policies) != request.policies
                if is_changed or len(policies) > CALLERS_A_TRIP:
                    return
            packed.append(_packed(request))
            yield packed[-1].size

    return packed[: how_many(sizes())]


def admission(
    keys: Keys, front_end: str, first: Sequence[int], carried: Sequence[Carried]
) -> tuple[list[str], list[Any]]:
    """Keys and arguments of ADMIT. `first`: its sequence number, and the most jobs, tokens and bytes that a lane may
    hold."""
    models = {one.request.model: 0 for one in carried}
    names = [keys.admit(front_end)]
    for place, model in enumerate(models):
        models[model] = place
        names += _names(keys, model)
    args: list[Any] = [*first, keys.body(""), len(models), *map(keys.held, models)]
    limited = {one.request.caller: one.request.policies for one in carried if one.request.policies}
    callers = {caller: place for place, caller in enumerate(limited, start=1)}
    args.append(len(limited))
    if limited:
        names.append(keys.refused)
    for caller, policies in limited.items():
        names += [_used(keys, caller, policy) for policy in policies]
        args.append(f"{caller} {_limits(policies)}")
    for one in carried:
        words = _words(one.request, models[one.request.model], len(one.jobs))
        args.append(f"{words} {callers[one.request.caller] if one.request.policies else 0}")
        args += one.jobs
    return names, args


def _used(keys: Keys, caller: str, policy: Policy) -> str:
    return keys.running(caller) if policy.kind == "concurrency" else keys.rate(caller, policy.name)


def _limits(policies: Sequence[Policy]) -> str:
    """As ADMIT reads them: two letters, for kind and unit, the quota, and the window in ms."""
    return ",".join(f"{one.name}={one.kind[0]}{one.unit[0]} {one.quota} {int(1000 * one.window)}" for one in policies)


@lru_cache(maxsize=256)
def _names(keys: Keys, model: str) -> Sequence[str]:
    """Of what one model's requests may change."""
    lanes = [of(model, lane) for of in (keys.queue, keys.tokens, keys.lane_bytes, keys.turn) for lane in LANES]
    return [*lanes, keys.wake(model)]


def _words(request: AdmitRequest, model: int, jobs: int) -> str:
    """What ADMIT is told of a request: one argument, for each costs more than the few letters in it."""
    left, lane = max(0, int(request.time_left * 1000)), LANES[request.lane]
    by_jobs = f"{_bound(request.most_ahead)} {request.room} {request.batch}"
    by_tokens = f"{_bound(request.most_tokens_ahead)} {request.room_tokens} {request.batch_tokens}"
    return f"{model} {lane}{request.list}{request.weight} {left} {by_jobs} {by_tokens} {jobs}"


def _bound(most: int | None) -> int | str:
    return "" if most is None else most


def verdicts_in(answer: bytes) -> list[Verdict]:
    """One for each request that was carried."""
    return [_verdict(text) for text in answer.decode("ascii").split(",")]


@lru_cache(maxsize=1024)  # nearly every request is taken, and the few numbers of those that wait then come again
def _verdict(text: str) -> Verdict:
    said, *allowed = text.split(";")
    allowances = tuple([_allowance(*one.split("/")) for one in allowed])
    code, count, *tokens = said.split(":")
    if code == "6":
        return Verdict(refusal=FailureCode.RATE_LIMITED, policy=int(count), allowances=allowances)
    if code == "2":
        tokens_ahead = int(*tokens) if tokens else None
        return Verdict(refusal=FailureCode.CONTENDED, ahead=int(count), tokens_ahead=tokens_ahead)
    return Verdict(refusal=REFUSALS[code], waiting=int(count), allowances=allowances)


def _allowance(left: str, ms: str) -> Allowance:
    return Allowance(left=int(left), reset=int(ms) / 1000)


def told_apart(over: Collection[Over]) -> tuple[list[Cancel], list[Running]]:
    """What is cancelled, and what callers have under way no more."""
    ended = [one for one in over if isinstance(one, Running)]
    return [one for one in over if isinstance(one, Cancel)], ended


def cancellation(keys: Keys, cancelled: Collection[Cancel]) -> tuple[list[str], list[Any]] | None:
    """Keys and arguments of CANCEL; None where there is nothing to cancel."""
    models = list(dict.fromkeys(one.model for one in cancelled))
    args = [word for one in cancelled for word in (models.index(one.model) + 1, one.ids)]
    return ([keys.cancel(model) for model in models], args) if models else None
