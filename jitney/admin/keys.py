"""What `jitney doctor` thinks of API keys: those that end, limits that contradict, and a store that is gone. Pure, but
for the file that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path

from broker.admin.overview import CallersOverview, LimitOverview, Overview
from broker.credentials.credential import Credential, decode_lines
from broker.credentials.policies import parse_policies, spell_policy
from broker.facts import Facts
from broker.messages import ModelCard, Policy
from jitney.admin.findings import NAMED, Finding, Mark

OFF, ON = "off", "on"
SOON = 14 * 86_400.0  # seconds
A_BURST = 60.0  # seconds: who may ask for a quota of such a window asks for it at once
LANE = {"jobs": 10_000, "tokens": 5_000_000}  # that wait in one, as front ends have it unless they are told otherwise
ANOTHER = "make its holder another in time: jitney keys add NAME --expires 90d, then jitney keys revoke ID"
AGAIN = "jitney keys revoke ID, and jitney keys add NAME --limits … with others"
MAKE_ONE = "jitney keys add NAME; or give the broker back its data, and let it run with `appendonly yes`"


def of_store(seen: CallersOverview, facts: Facts, asked: str) -> Iterator[Finding]:
    """`asked`: what front ends are started with, as far as it was said."""
    if not seen.keys:
        if asked == ON:
            said = "the broker keeps none, so front ends with --api-keys on let nobody in"
            yield Finding(about="keys", mark=Mark.FAIL, said=said, remedy=MAKE_ONE)
        return
    if not seen.version:
        said = f"the broker keeps {seen.keys} and no count of their changes: front ends take that for none"
        remedy = "find what writes to its key `keys`; the next jitney keys add or rotate writes the count"
        yield Finding(about="keys", mark=Mark.FAIL, said=said, remedy=remedy)
    elif asked == OFF:
        said = f"the broker keeps {seen.keys}, and front ends that are started as we are ask for none"
        yield Finding(about="keys", mark=Mark.WARN, said=said, remedy="JITNEY_API_KEYS=on")
    else:
        yield Finding(about="keys", mark=Mark.OK, said=f"the broker keeps {seen.keys}")
    if facts.kind and not facts.is_durable:
        said = "AOF is off: a restart of the broker loses them all, and then nobody is let in"
        yield Finding(about="keys", mark=Mark.WARN, said=said, remedy="appendonly yes, appendfsync everysec")
    yield from _unreadable(seen)
    if not seen.is_complete:
        said = f"{len(seen.credentials)} of them were looked at: there are very many"
        yield Finding(about="keys", mark=Mark.SKIPPED, said=said)


def _unreadable(seen: CallersOverview) -> Iterator[Finding]:
    if seen.unreadable:
        said = f"{_listed(sorted(seen.unreadable))} cannot be read, so nobody is let in by them"
        yield Finding(about="keys", mark=Mark.FAIL, said=said, remedy="jitney keys revoke ID, and add another")


def of_file(where: str, overview: Overview | None, now: float) -> list[Finding]:
    """What front ends with `--api-keys FILE` would make of it. `overview`: None where the broker was not looked at."""
    about = f"keys {where}"
    try:
        found = decode_lines(Path(where).read_text("utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        remedy = "a front end does not start with it: name a file of jitney keys add NAME --file FILE, on or off"
        return [Finding(about=about, mark=Mark.FAIL, said=f"it cannot be read: {why}", remedy=remedy)]
    if not found:
        said, remedy = "it has none, so nobody is let in", f"jitney keys add NAME --file {where}"
        return [Finding(about=about, mark=Mark.WARN, said=said, remedy=remedy)]
    cards = live_cards(overview) if overview else []
    return [Finding(about=about, mark=Mark.OK, said=f"{len(found)} keys"), *of_keys(found.values(), cards, now)]


def live_cards(overview: Overview) -> list[ModelCard]:
    """Of models that some batcher serves."""
    return [model.card for model in overview.models if model.card is not None and model.batchers]


def of_keys(keys: Iterable[Credential], cards: Sequence[ModelCard], now: float) -> Iterator[Finding]:
    """One finding for all keys that lack the same. `now`: seconds since 1970."""
    known = sorted(keys, key=lambda one: (one.name, one.id))
    checks: list[tuple[Callable[[Credential], str], str]] = [
        (lambda one: "has expired" if _is_over(one, now) else "", "jitney keys revoke ID forgets it"),
        (lambda one: "expires within 14 days" if _ends_soon(one, now) else "", ANOTHER),
        (lambda one: "may use no model that lives" if _has_no_model(one, cards) else "", "start one that it may use"),
        *((_nth(each, cards), AGAIN) for each in (never_reached, too_small, beyond_a_lane)),
    ]
    for check, remedy in checks:
        told: dict[str, list[str]] = {}
        for one in known:
            if said := check(one):
                told.setdefault(said, []).append(_named(one))
        for said, who in list(told.items())[:NAMED]:
            yield Finding(about="keys", mark=Mark.WARN, said=f"{_listed(who)} {said}", remedy=remedy)


def of_disabled(seen: CallersOverview) -> Iterator[Finding]:
    """Those that are disabled, and whose use is still counted."""
    who = [
        _named(one.credential)
        for one in seen.shown
        if one.credential and one.credential.disabled and (one.refusals or any(map(_is_used, one.limits)))
    ]
    if who:
        said = f"disabled, and used until lately: {_listed(who)}; whoever holds it gets 401 now"
        yield Finding(about="keys", mark=Mark.WARN, said=said, remedy="tell its holder, or jitney keys revoke ID")


def _is_used(limit: LimitOverview) -> bool:
    return limit.policy is not None and limit.left is not None and limit.left < limit.policy.quota


def _is_over(one: Credential, now: float) -> bool:
    return 0.0 < one.expires <= now


def _ends_soon(one: Credential, now: float) -> bool:
    return now < one.expires <= now + SOON


def _has_no_model(one: Credential, cards: Sequence[ModelCard]) -> bool:
    return bool(cards) and not any(_may_use(one, card) for card in cards)


def _may_use(one: Credential, card: ModelCard) -> bool:
    return any(fnmatchcase(card.name, name) for name in one.models)


def _nth(
    check: Callable[[Sequence[Policy], Sequence[ModelCard]], str], cards: Sequence[ModelCard]
) -> Callable[[Credential], str]:
    return lambda one: check(parse_policies(one.limits), [card for card in cards if _may_use(one, card)])


def never_reached(policies: Sequence[Policy], cards: Sequence[ModelCard]) -> str:
    """A quota of a short time above one of a longer time, in the same unit."""
    rates = sorted((one for one in policies if one.kind != "concurrency"), key=lambda one: one.window)
    for short, long in combinations(rates, 2):
        if short.unit == long.unit and short.quota > long.quota:
            return f"can never have {spell_policy(short)}, for it has {spell_policy(long)}"
    return ""


def too_small(policies: Sequence[Policy], cards: Sequence[ModelCard]) -> str:
    """A day's tokens below those of one job. (A rate lets one go when nothing of it is used.)"""
    for one in policies:
        longest = max((card.max_cost for card in cards), default=0)
        if one.kind == "day" and one.unit == "tokens" and one.quota < longest:
            return f"has {spell_policy(one)}, and one long job may have {longest}: that is refused on any day"
    return ""


def beyond_a_lane(policies: Sequence[Policy], cards: Sequence[ModelCard]) -> str:
    """More at once than may wait."""
    for one in policies:
        if one.kind == "rate" and one.window <= A_BURST and one.quota > LANE.get(one.unit, one.quota):
            return f"has {spell_policy(one)}, and by default {LANE[one.unit]} may wait: more at once gets 429 contended"
    return ""


def _named(one: Credential) -> str:
    return f"{one.name} ({one.id})" if one.name else one.id


def _listed(words: Sequence[str]) -> str:
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")
