"""`jitney doctor`: everything a broker must be and allow, and what stands beside it, each failure with its remedy."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from broker.admin.overview import Overview
from broker.admin.redis import RedisAdmin
from broker.admin.rights import CONFIRM, Right, Role, rights
from broker.facts import Facts
from broker.keys import Keys
from jitney.admin.cache import of_cache
from jitney.admin.files import of_files
from jitney.admin.findings import (
    Finding,
    Mark,
    of_clocks,
    of_commands,
    of_durability,
    of_facts,
    of_overview,
    of_rights,
    of_secret,
)
from jitney.admin.keys import OFF, ON, live_cards, of_disabled, of_file, of_keys, of_store
from jitney.admin.snapshot import NotSeen, admin
from jitney.admin.tables import printable
from jitney.history.findings import of_database, of_history

CLEAN, ILL = 0, 1
NOT_LOOKED = (
    "queues, leases, keys and the history were not looked at: that takes the operator's user, and all of its commands"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedWith:
    """What front ends are started with, as far as it was said: their flags."""

    files: str = ""
    api_keys: str = ""
    cache_url: str = ""
    history_database: str = ""


def run_doctor(url: str, namespace: str, *, roles: Sequence[Role], as_json: bool, started_with: StartedWith) -> int:
    """Exit code: 0, or 1 when something fails."""
    findings = [*_examine(url, namespace, roles, started_with.api_keys), *_beside(url, namespace, started_with)]
    failed = sum(finding.mark is Mark.FAIL for finding in findings)
    if as_json:
        print(json.dumps({"ok": not failed, "findings": [asdict(finding) for finding in findings]}))
    else:
        print("\n".join([*(line for finding in findings for line in _lines(finding)), "", _verdict(failed)]))
    return ILL if failed else CLEAN


def _lines(finding: Finding) -> list[str]:
    lines = [f"{finding.mark:8} {finding.about}: {finding.said}"]
    lines += [f"{'':8}   → {finding.remedy}"] if finding.remedy else []
    return [printable(line) for line in lines]


def _verdict(failed: int) -> str:
    return f"{failed} to mend: see → above" if failed else "nothing to mend"


def _examine(url: str, namespace: str, roles: Sequence[Role], asked: str) -> Iterator[Finding]:
    overview: Overview | None = None
    try:
        with admin(url, namespace) as broker:
            yield _answers(broker)
            facts = broker.facts()
            yield from of_facts(facts)
            if facts.mode == "sentinel":  # nothing else can be asked of it
                return
            broker.holds_namespace(facts)
            yield from _clocks(broker)
            keys = Keys(namespace)
            missing, unknown = _missing(broker, keys), _unknown(broker, keys)
            yield from of_commands(unknown)
            yield from of_rights(broker.user, keys.prefix, missing, roles)
            is_front_end = Role.FRONT_END in roles or not missing[Role.FRONT_END]
            denied = is_front_end and broker.denied([CONFIRM])
            yield of_durability(facts, is_denied=bool(denied), is_wanted=is_front_end and _is_strict())
            if missing[Role.OPERATOR] or _named(Role.OPERATOR).intersection(unknown):
                yield Finding(about="models", mark=Mark.SKIPPED, said=NOT_LOOKED)
            else:
                overview = broker.overview()
                yield from _looked(broker, facts, overview)
                yield from _keys_of_broker(overview, facts, asked)
    except NotSeen as error:
        said = f"{error.why.tried}: {error.why.cause}"
        yield Finding(about="broker", mark=Mark.FAIL, said=said, remedy=error.why.remedy)
    if asked not in ("", ON, OFF):
        yield from of_file(asked, overview, time.time())


def _beside(url: str, namespace: str, told: StartedWith) -> Iterator[Finding]:
    if told.files:
        yield of_files(told.files)
    if told.cache_url:
        yield of_cache(told.cache_url, url, namespace)
    yield from of_secret(os.environ, is_shared=bool(told.cache_url))
    if told.history_database:
        yield of_database(told.history_database)


def _answers(broker: RedisAdmin) -> Finding:
    broker.ping()  # connects
    started = time.perf_counter()
    broker.ping()
    return Finding(about="broker", mark=Mark.OK, said=f"answers in {(time.perf_counter() - started) * 1000:.1f} ms")


def _clocks(broker: RedisAdmin) -> Iterator[Finding]:
    before = time.time()
    theirs = broker.time()
    if theirs is not None:
        yield of_clocks(theirs - (before + time.time()) / 2)


def _missing(broker: RedisAdmin, keys: Keys) -> dict[Role, list[Right]]:
    found = {}
    for role in Role:
        needed = rights(role)
        denied = broker.denied([right.words(keys) for right in needed])
        found[role] = [needed[place] for place in denied]
    return found


def _is_strict() -> bool:
    """Whether front ends that are started as we are would ask for it."""
    return os.environ.get("JITNEY_PREDICTION_DURABILITY") == "strict"


def _named(role: Role) -> set[str]:
    return {right.command for right in rights(role)}


def _unknown(broker: RedisAdmin, keys: Keys) -> list[str]:
    needed = [right for role in Role for right in rights(role)]
    places = broker.unknown([right.words(keys) for right in needed])
    return sorted({needed[place].command for place in places})


def _looked(broker: RedisAdmin, facts: Facts, overview: Overview) -> list[Finding]:
    cards = [model.card for model in overview.models if model.card is not None]
    missing_files = {card.key: broker.missing_artifacts(card) for card in cards}
    others = () if overview.models else broker.other_namespaces()
    return [*of_overview(overview, facts, missing_files, others), *of_history(overview.history)]


def _keys_of_broker(overview: Overview, facts: Facts, asked: str) -> Iterator[Finding]:
    callers = overview.callers
    yield from of_store(callers, facts, asked)
    yield from of_keys(callers.credentials.values(), live_cards(overview), overview.now)
    yield from of_disabled(callers)
