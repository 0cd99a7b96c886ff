"""`jitney traffic` itself: shares are shown, set and taken away."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Literal

from broker.admin.overview import Overview
from broker.admin.redis import RedisAdmin
from broker.admin.sides import sides
from broker.admin.traffic import in_full, percent, shared_out
from jitney.admin.snapshot import NotSeen, admin
from jitney.admin.tables import printable
from jitney.admin.watch import CLEAN, complain
from jitney.traffic.shown import traffic_facts, traffic_lines

SENSELESS = 2
NOBODY = "no model has shares of traffic: requests go by the room of batchers"


def run_show(url: str, namespace: str, name: str, *, as_json: bool) -> int:
    """Of one model, or of all that have shares. The exit code."""
    try:
        with admin(url, namespace) as broker:
            seen = broker.overview()
    except NotSeen as error:
        return complain(error.why, as_json=as_json)
    if name and name not in _names(seen):
        return _unknown(name, seen)
    _show(seen, [name] if name else sorted(seen.traffic), as_json=as_json)
    return CLEAN


def run_clear(url: str, namespace: str, name: str, *, as_json: bool) -> int:
    """From now on requests go by room. The exit code."""
    try:
        with admin(url, namespace) as broker:
            seen = broker.overview()
            if name not in _names(seen):
                return _unknown(name, seen)
            broker.share_out(name, None)
            _show(broker.overview(), [name], as_json=as_json)
    except NotSeen as error:
        return complain(error.why, as_json=as_json)
    return CLEAN


def run_set(
    url: str, namespace: str, name: str, wanted: Mapping[str, int], *, sticky: Literal["", "caller"], as_json: bool
) -> int:
    """`wanted`: parts by revision, or its beginning. The exit code."""
    try:
        with admin(url, namespace) as broker:
            return _set(broker, name, wanted, sticky, as_json=as_json)
    except NotSeen as error:
        return complain(error.why, as_json=as_json)


def _set(
    broker: RedisAdmin, name: str, wanted: Mapping[str, int], sticky: Literal["", "caller"], *, as_json: bool
) -> int:
    seen = broker.overview()
    if name not in _names(seen):
        return _unknown(name, seen)
    known = [one.revision for one in sides(seen, name)]
    try:
        shares = in_full(name, wanted, known)
    except ValueError as error:
        return _complain(str(error))
    broker.share_out(name, shared_out(seen.traffic.get(name), shares, sticky))
    seen = broker.overview()
    for one in sides(seen, name):
        if one.revision in shares and not one.batchers:
            said = (
                f"{name}@{one.revision} has no live batcher: the others get its {percent(one.parts or 0)} until it has"
            )
            print(f"jitney: {printable(said)}", file=sys.stderr)
    _show(seen, [name], as_json=as_json)
    return CLEAN


def _show(seen: Overview, names: Sequence[str], *, as_json: bool) -> None:
    lines = traffic_lines(seen, names, None) or [NOBODY]
    print(json.dumps(traffic_facts(seen, names)) if as_json else "\n".join(map(printable, lines)), flush=True)


def _names(seen: Overview) -> set[str]:
    """Of models that somebody has announced, or that have shares."""
    cards = (model.card for model in seen.models)
    return {card.name for card in cards if card is not None} | seen.traffic.keys() | seen.bad_traffic.keys()


def _unknown(name: str, seen: Overview) -> int:
    known = ", ".join(sorted(_names(seen))) or "none: start a batcher"
    return _complain(f"no model is called {name!r}; these are: {known}")


def _complain(said: str) -> int:
    print(f"jitney: {printable(said)}", file=sys.stderr, flush=True)
    return SENSELESS
