"""How operators spell what a caller may ask for: `600 jobs/min, 200000 tokens/min, 4 at once, 50000 jobs/day`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from broker.messages import Policy

UNITS = ("requests", "jobs", "tokens")
WINDOWS: Mapping[str, float] = {"s": 1.0, "min": 60.0, "h": 3600.0}
DAY = 86_400.0  # seconds
SPANS: Mapping[float, str] = {seconds: name for name, seconds in WINDOWS.items()} | {DAY: "day"}
LARGEST = 1_000_000_000_000  # of a quota: Lua counts it exactly, with its window in ms
AT_ONCE = re.compile(r"(\d[\d_]*) at once")
RATE = re.compile(r"(\d[\d_]*) ?(request|job|token)s? ?/ ?(s|min|h|day)")
EXAMPLE = "600 jobs/min, 200000 tokens/min, 100 requests/s, 4 at once, 50000 jobs/day"


def parse_policies(text: str) -> tuple[Policy, ...]:
    """Raises `ValueError` that says what is wrong with it."""
    found: dict[str, Policy] = {}
    for part in filter(None, (" ".join(part.split()) for part in text.split(","))):
        policy = _policy(part, found)
        if policy.name in found:
            raise ValueError(f"{part!r} says again what {policy.name} says")
        found[policy.name] = policy
    return tuple(found.values())


def spell_policy(policy: Policy) -> str:
    """As operators do."""
    if policy.kind == "concurrency":
        return f"{policy.quota} at once"
    return f"{policy.quota} {policy.unit}/{SPANS[policy.window]}"


def _policy(part: str, known: Mapping[str, Policy]) -> Policy:
    if read := AT_ONCE.fullmatch(part):
        return Policy(name="concurrency", unit="requests", quota=_quota(read[1]), window=0.0, kind="concurrency")
    read = RATE.fullmatch(part)
    if read is None:
        raise ValueError(f"{part!r} is no limit: say {EXAMPLE}")
    quota, unit, window = _quota(read[1]), cast(Any, f"{read[2]}s"), read[3]
    if window == "day":
        return Policy(name=f"{unit}-day", unit=unit, quota=quota, window=DAY, kind="day")
    taken = known.get(unit)
    name = unit if taken is None or taken.window == WINDOWS[window] else f"{unit}-{window}"
    return Policy(name=name, unit=unit, quota=quota, window=WINDOWS[window])


def _quota(digits: str) -> int:
    quota = int(digits)
    if not 0 < quota <= LARGEST:
        raise ValueError(f"{digits} is no limit: it must be 1 to {LARGEST}")
    return quota
