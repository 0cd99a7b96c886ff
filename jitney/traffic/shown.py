"""What people are shown of shares: a table, and a mapping for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from broker.admin.overview import Overview
from broker.admin.sides import Side, sides
from broker.admin.traffic import percent
from jitney.admin.tables import NONE, table

COLUMNS = ("MODEL", "REVISION", "SHARE", "STAYS", "LIVE", "CARRIES")
BY_ROOM = "by room"  # of what is left


def traffic_lines(seen: Overview, names: Iterable[str], width: int | None) -> list[str]:
    """A row for each of their revisions; none where there is no model."""
    rows = [_row(seen, name, at, side) for name in names for at, side in enumerate(sides(seen, name))]
    return table(COLUMNS, rows, names=2, width=width) if rows else []


def _row(seen: Overview, name: str, at: int, side: Side) -> list[str]:
    traffic = seen.traffic.get(name)
    share = BY_ROOM if side.parts is None else percent(side.parts)
    stays = (traffic.sticky if traffic else "") or NONE
    carries = f"{side.rate:.0f}/s" if side.rate else NONE
    return ["" if at else name, side.revision, share, "" if at else stays, str(side.batchers), carries]


def traffic_facts(seen: Overview, names: Iterable[str]) -> dict[str, Any]:
    """By model; a share is a part of one, and null where it goes by room."""
    return {name: _facts(seen, name) for name in names}


def _facts(seen: Overview, name: str) -> dict[str, Any]:
    traffic = seen.traffic.get(name)
    revisions = [
        {"revision": one.revision, "share": one.share, "batchers": one.batchers, "jobs_per_second": one.rate or None}
        for one in sides(seen, name)
    ]
    return {"sticky": (traffic.sticky if traffic else "") or None, "revisions": revisions}
