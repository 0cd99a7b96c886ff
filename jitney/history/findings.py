"""What `jitney doctor` finds of the history: how its writer gets on, and whether its database can be read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from broker.admin.overview import HistoryOverview
from broker.history.rows import HistoryRow
from history.databases.errors import DatabaseUnavailable, DatabaseUnfit
from history.databases.place import open_database
from history.reading.queries import Selection
from history.reading.reader import HistoryReader
from jitney.admin.alerts import NO_WRITER
from jitney.admin.findings import Finding, Mark
from jitney.admin.tables import seconds

ABOUT = "history's database"
NOT_THERE = "see that it runs and may be read; tables that are not there yet, or their file, jitney history run makes"
ANOTHER = "name another with --history-database or JITNEY_HISTORY_DATABASE, or mend this one"


def of_history(seen: HistoryOverview) -> Iterator[Finding]:
    """That it gets on; what hinders it is among the alerts."""
    if seen.writer and not seen.error and seen.beat_age <= NO_WRITER:
        said = f"its writer has brought {seen.written} rows to {seen.database} since it started"
        dropped = f"; {seen.dropped} were dropped, ever" if seen.dropped else ""
        yield Finding(about="history", mark=Mark.OK, said=said + dropped)


def of_database(place: str) -> Finding:
    """Whether front ends, and `jitney report`, can read it: the newest row."""
    try:
        rows = asyncio.run(_newest(place))
    except DatabaseUnavailable as error:
        return Finding(about=ABOUT, mark=Mark.FAIL, said=f"it cannot be read: {error}", remedy=NOT_THERE)
    except DatabaseUnfit as error:
        return Finding(about=ABOUT, mark=Mark.FAIL, said=str(error), remedy=ANOTHER)
    age = f", the newest {seconds(max(0.0, time.time() - rows[0].at / 1_000_000))} old" if rows else "; there is none"
    return Finding(about=ABOUT, mark=Mark.OK, said=f"its rows can be read{age}")


async def _newest(place: str) -> list[HistoryRow]:
    return await HistoryReader(lambda: open_database(place, is_readonly=True)).rows(Selection(), 1)
