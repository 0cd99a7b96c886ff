"""What a limited caller is told of its policies: RateLimit headers, and a refusal.

draft-ietf-httpapi-ratelimit-headers-10; its problem type is quota-exceeded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from broker.messages import Allowance, FailureCode, Policy
from server.errors import Problem

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
SPANS: Mapping[float, str] = {1: "second", 60: "minute", 3600: "hour", 86_400: "day"}
UNITS = {"requests": "", "jobs": ';qu="jitney-jobs"', "tokens": ';qu="jitney-tokens"'}


def rate_limit_headers(policies: Sequence[Policy], allowances: Sequence[Allowance]) -> list[tuple[bytes, bytes]]:
    """`RateLimit-Policy`: what is allowed; `RateLimit`: what is left of it, and in how many seconds there is more."""
    left = ", ".join(
        f'"{policy.name}";r={one.left};t={math.ceil(one.reset)}'
        for policy, one in zip(policies, allowances, strict=True)
    )
    return [(b"ratelimit-policy", _told(tuple(policies))), (b"ratelimit", left.encode("ascii"))]


@lru_cache(maxsize=1024)
def _told(policies: tuple[Policy, ...]) -> bytes:
    return ", ".join(map(_one_told, policies)).encode("ascii")


def _one_told(policy: Policy) -> str:
    if policy.kind == "concurrency":
        return f'"{policy.name}";q={policy.quota};qu="concurrent-requests"'
    return f'"{policy.name}";q={policy.quota};w={math.ceil(policy.window)}{UNITS[policy.unit]}'


def rate_limited(policy: Policy, allowance: Allowance) -> Problem:
    """The refusal of a request that this policy does not allow."""
    wait = max(1, math.ceil(allowance.reset))
    detail = f"This caller may ask for {spelled(policy)}; there is room again in {wait} s."
    extra: dict[str, Any] = {"type": QUOTA_EXCEEDED, "violated-policies": [policy.name]}
    return Problem(FailureCode.RATE_LIMITED, detail, retry_after=float(wait), **extra)


def spelled(policy: Policy) -> str:
    """As settings and `jitney keys` have it."""
    if policy.kind == "concurrency":
        return f"{policy.quota} requests at once"
    span = SPANS.get(policy.window, f"{policy.window:g} s")
    return f"{policy.quota} {policy.unit} a {span}"
