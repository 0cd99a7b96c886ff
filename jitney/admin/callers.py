"""What `jitney status` shows of callers: whose jobs wait in which list of a lane, what is left to whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from broker.admin.overview import CallerOverview, CallersOverview, LimitOverview, ModelOverview, Overview
from broker.credentials.credential import list_of
from broker.credentials.policies import spell_policy
from jitney.admin.tables import NONE, table

TURNS = ("MODEL", "LANE", "WHO MAY BE IN IT", "LIST", "JOBS")
CALLERS = ("CALLER", "NAME", "MAY ASK FOR", "LEFT", "REFUSED", "WEIGHT", "LIST", "WAITING", "EXPIRES")
LISTS_SHOWN = 20
NAMED = 3  # callers of a list
KEYLESS = "whoever has no key"  # on the first list


def callers_heading(seen: CallersOverview) -> list[str]:
    """Nothing where nobody has a key, and nobody was refused."""
    refused = sum(sum(counts.values()) for counts in seen.refused.values())
    least = "" if seen.is_complete else " at least"
    said = f"keys       {seen.keys} kept · {refused} requests refused by limits{least}"
    return [said] if seen.keys or seen.refused else []


def turn_lines(overview: Overview, width: int | None) -> list[str]:
    """Where callers take turns: which lists hold jobs, those with most first."""
    rows = [row for model in overview.models for row in _lists(model, overview.callers)]
    if not any(row[3] != "0" for row in rows):
        return []
    rows.sort(key=lambda row: -int(row[4]))
    more = [f"{len(rows) - LISTS_SHOWN} more lists hold jobs"] if len(rows) > LISTS_SHOWN else []
    return ["", *table(TURNS, rows[:LISTS_SHOWN], names=3, width=width), *more]


def _lists(model: ModelOverview, callers: CallersOverview) -> Iterator[list[str]]:
    for lane in model.lanes:
        for number, jobs in enumerate(lane.lists):
            if jobs > 0:
                yield [model.key, lane.lane.value, _who(number, callers), str(number), str(jobs)]


def _who(number: int, callers: CallersOverview) -> str:
    """One of these: which of them is not told by a list."""
    names = [KEYLESS] if number == 0 else []
    names += sorted(one.name or one.id for one in callers.credentials.values() if list_of(one.id) == number)
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "") or NONE


def caller_lines(seen: CallersOverview, width: int | None, now: float) -> list[str]:
    """A row for each limit of a caller, or one; nothing where there is none."""
    if not seen.shown:
        return []
    rows = [row for one in seen.shown for row in _caller(one, now)]
    unshown = len({*seen.credentials, *seen.refused}) - len(seen.shown)
    least = "" if seen.is_complete else " at least"
    more = [f"{unshown} more{least}: those who wait or were refused stand first"] if unshown > 0 else []
    return ["", *table(CALLERS, rows, names=3, width=width), *more]


def _caller(one: CallerOverview, now: float) -> Iterator[list[str]]:
    kept, who = one.credential, [one.id, one.name or NONE]
    of_it = [NONE, NONE, NONE, NONE]
    if kept:
        of_it = [str(kept.weight), str(one.list), str(one.waiting), expiry(kept.expires, now, kept.disabled)]
    for told in [_limit(limit) for limit in one.limits] or [["anything", NONE, NONE]]:
        yield [*who, *told, *of_it]
        who, of_it = ["", ""], ["", "", "", ""]


def _limit(limit: LimitOverview) -> list[str]:
    if limit.policy is None:
        return [limit.name, NONE, str(limit.refused)]
    return [spell_policy(limit.policy), f"{limit.left} of {limit.policy.quota}", str(limit.refused)]


def expiry(expires: float, now: float, is_disabled: bool) -> str:
    """A day, or why its holder is let in no more."""
    if is_disabled:
        return "disabled"
    if 0.0 < expires <= now:
        return "expired"
    return datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%d") if expires else "never"


def callers_facts(seen: CallersOverview) -> dict[str, Any]:
    """The same for programs."""
    return {"keys": seen.keys, "complete": seen.is_complete, "callers": [_facts(one) for one in seen.shown]}


def _facts(one: CallerOverview) -> dict[str, Any]:
    kept = one.credential
    return {
        "id": one.id,
        "name": one.name or None,
        "weight": kept.weight if kept else None,
        "list": one.list,
        "waiting": one.waiting if kept else None,
        "expires": kept.expires or None if kept else None,
        "disabled": kept.disabled if kept else None,
        "limits": [_limit_facts(limit) for limit in one.limits],
    }


def _limit_facts(limit: LimitOverview) -> dict[str, Any]:
    quota = limit.policy.quota if limit.policy else None
    return {"policy": limit.name, "quota": quota, "left": limit.left, "refused": limit.refused}
