"""Which callers people are shown, who waits in which list, and what is left to whom. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from broker.admin.overview import CallerOverview, CallersOverview, LimitOverview, ModelOverview
from broker.credentials.credential import Credential, decode_all, list_of
from broker.credentials.policies import DAY, parse_policies
from broker.credentials.stored import stored_credentials
from broker.messages import Policy

CALLERS_SHOWN = 20


def callers_seen(
    version: bytes, keys: int, entries: Mapping[bytes, bytes], refusals: int, counts: Mapping[bytes, bytes]
) -> CallersOverview:
    """Out of what OVERVIEW returns: the count of changes, how many fields there are of each, and those that it read."""
    found, wrong = decode_all(stored_credentials(entries).entries)
    refused: dict[str, dict[str, int]] = {}
    for name, count in counts.items():
        caller, _, policy = name.decode("utf-8", "replace").rpartition(":")
        if caller and count.isdigit():
            refused.setdefault(caller, {})[policy] = int(count)
    return CallersOverview(
        keys=max(0, keys - bool(version)),
        version=version.decode("utf-8", "replace"),
        credentials=found,
        unreadable=wrong,
        refused=refused,
        is_complete=keys <= len(entries) and refusals <= len(counts),
    )


def unread(seen: CallersOverview) -> list[str]:
    """Of those who were refused most, the ids that are nobody's whom we have read."""
    if seen.is_complete:
        return []
    most = sorted(seen.refused, key=lambda id: -sum(seen.refused[id].values()))[:CALLERS_SHOWN]
    return [id for id in most if id not in seen.credentials]


def pressing(seen: CallersOverview, models: Sequence[ModelOverview]) -> list[CallerOverview]:
    """Those to show: who was refused first, then whose list waits, then the others, by their names."""
    waiting = _waiting(models)
    everybody = [
        _caller(id, seen.credentials.get(id), seen.refused.get(id, {}), waiting)
        for id in dict.fromkeys([*seen.credentials, *seen.refused])
    ]
    everybody.sort(key=lambda one: (-one.refusals, -one.waiting, one.name, one.id))
    return everybody[:CALLERS_SHOWN]


def _waiting(models: Sequence[ModelOverview]) -> Mapping[int, int]:
    """Jobs by list, of all lanes."""
    found: dict[int, int] = {}
    for number, jobs in (pair for model in models for lane in model.lanes for pair in enumerate(lane.lists)):
        found[number] = found.get(number, 0) + max(0, jobs)
    return found


def _caller(
    id: str, credential: Credential | None, refused: Mapping[str, int], waiting: Mapping[int, int]
) -> CallerOverview:
    policies = parse_policies(credential.limits) if credential else ()
    limits = [LimitOverview(name=one.name, policy=one, refused=refused.get(one.name, 0)) for one in policies]
    known = {one.name for one in policies}
    limits += [LimitOverview(name=name, refused=count) for name, count in refused.items() if name not in known]
    list = list_of(id) if credential else None
    jobs = waiting.get(list, 0) if list is not None else 0
    return CallerOverview(id=id, credential=credential, list=list, waiting=jobs, limits=limits)


def with_left(one: CallerOverview, answers: Mapping[str, Any], now: float) -> CallerOverview:
    """`answers`: by the name of a policy, what the broker keeps of its use. `now`: seconds, the broker's clock."""
    limits = [
        replace(limit, left=max(0, math.floor(limit.policy.quota - used(limit.policy, answers.get(limit.name), now))))
        if limit.policy
        else limit
        for limit in one.limits
    ]
    return replace(one, limits=limits)


def used(policy: Policy, answer: Any, now: float) -> float:
    """As ADMIT reckons it."""
    if policy.kind == "concurrency":
        return float(answer or 0)
    try:
        spent, since = (answer or b"").decode().split(" ")
        amount, at = float(spent), int(since) / 1000
    except ValueError:
        return 0.0
    if policy.kind == "day":
        return 0.0 if at // DAY < now // DAY else amount
    return max(0.0, amount - max(0.0, now - at) * policy.quota / policy.window)
