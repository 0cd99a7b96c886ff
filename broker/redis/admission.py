"""What ADMIT and CANCEL are told of requests, and what ADMIT says of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from broker.keys import Keys
from broker.messages import AdmitRequest, Cancel, FailureCode, Lane, Verdict
from broker.trips import how_many
from broker.wire import LANES, encode_job

REFUSALS = {"0": None, "1": FailureCode.CONTENDED, "3": FailureCode.EXPIRED, "4": FailureCode.BROKER_UNAVAILABLE}
Encoded = tuple[AdmitRequest, list[bytes]]  # a request, and its jobs as they travel


def carried_at_once(requests: Sequence[AdmitRequest]) -> Sequence[Encoded]:
    """As many of these as one trip carries; no more are encoded than it takes to know."""
    encoded: list[Encoded] = []

    def sizes() -> Iterator[int]:
        for request in requests:
            encoded.append((request, [encode_job(job) for job in request.jobs]))
            yield sum(map(len, encoded[-1][1]))

    return encoded[: how_many(sizes())]


def admission(
    keys: Keys, front_end: str, first: Sequence[int], requests: Sequence[Encoded]
) -> tuple[list[str], list[Any]]:
    """Keys and arguments of ADMIT. `first`: its sequence number, and the most jobs and tokens that a lane may hold."""
    models = list(dict.fromkeys(request.model for request, _ in requests))
    names = [keys.admit(front_end)]
    for model in models:
        names += [of(model, lane) for of in (keys.queue, keys.tokens) for lane in (Lane.INTERACTIVE, Lane.BULK)]
        names.append(keys.wake(model))
    args: list[Any] = [*first, len(models), *map(keys.held, models)]
    for request, jobs in requests:
        args.append(_words(request, models.index(request.model), len(jobs)))
        args += jobs
    return names, args


def _words(request: AdmitRequest, model: int, jobs: int) -> str:
    """What ADMIT is told of a request: one argument, for each costs more than the few letters in it."""
    left, lane = max(0, int(request.time_left * 1000)), LANES[request.lane]
    by_jobs = f"{_bound(request.most_ahead)} {request.room} {request.batch}"
    by_tokens = f"{_bound(request.most_tokens_ahead)} {request.room_tokens} {request.batch_tokens}"
    return f"{model} {lane} {left} {by_jobs} {by_tokens} {jobs}"


def _bound(most: int | None) -> int | str:
    return "" if most is None else most


def verdicts_in(answer: bytes) -> list[Verdict]:
    """One for each request that was carried."""
    return [_verdict(text) for text in answer.decode("ascii").split(",")]


def _verdict(text: str) -> Verdict:
    code, count, *tokens = text.split(":")
    if code == "2":
        return Verdict(refusal=FailureCode.CONTENDED, ahead=int(count), tokens_ahead=int(*tokens) if tokens else None)
    return Verdict(refusal=REFUSALS[code], waiting=int(count))


def cancellation(keys: Keys, cancelled: Collection[Cancel]) -> tuple[list[str], list[Any]] | None:
    """Keys and arguments of CANCEL; None where there is nothing to cancel."""
    models = list(dict.fromkeys(one.model for one in cancelled))
    args = [word for one in cancelled for word in (models.index(one.model) + 1, one.ids)]
    return ([keys.cancel(model) for model in models], args) if models else None
