"""Why the broker did not take a request's jobs, and when it may. Pure."""

from __future__ import annotations

from broker.messages import FailureCode, Verdict
from server.callers.limits import rate_limited
from server.errors import Problem
from server.requests.request import PendingRequest


def refusal(request: PendingRequest, verdict: Verdict, time_left: float) -> Problem:
    """The verdict in the client's words. It may come back once the lane is served, or enough of it."""
    assert verdict.refusal is not None
    name, capacity = request.served.card.name, request.served.capacity
    if verdict.refusal is FailureCode.EXPIRED:
        return Problem(verdict.refusal, "The time for this request was over before it could be queued.")
    if verdict.refusal is FailureCode.BROKER_UNAVAILABLE:
        return Problem(verdict.refusal, f"The broker cannot queue anything for {name!r} at the moment.")
    if verdict.policy is not None:
        return rate_limited(request.caller.policies[verdict.policy], verdict.allowances[verdict.policy])
    if verdict.ahead is None:
        detail = f"{verdict.waiting} jobs wait for {name!r} already."
        return Problem(verdict.refusal, detail, retry_after=capacity.seconds_for(verdict.waiting))
    wait, before = capacity.expected(verdict.ahead + request.left), f"{verdict.ahead} jobs"
    if verdict.tokens_ahead is not None:
        wait = request.served.token_capacity.expected(verdict.tokens_ahead + request.cost)
        before = f"{before} of {verdict.tokens_ahead} tokens"
    detail = f"With {before} before it at {name!r} this may take {wait:.2f} s; it has {time_left:.2f} s."
    return Problem(verdict.refusal, detail, retry_after=wait - time_left)
