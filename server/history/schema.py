"""The history as those see it who may read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Raw, Struct

from broker.history.rows import HistoryRow
from history.reading.queries import MOST, to_datetime

MOST_LINES = 1_000_000  # of a CSV
USUAL = 100
PATH = "/history"


class HistoryQuery(Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """What may stand behind the '?'."""

    model: Annotated[str, Meta(description="only of this model, by its name")] = ""
    label: Annotated[str, Meta(description="only with this label, the first one of its record")] = ""
    code: Annotated[str, Meta(description="only with a problem of this code")] = ""
    caller: Annotated[str, Meta(description="only of the key with this id; others' are for keys with admin, too")] = ""
    since: Annotated[datetime | None, Meta(description="from then on; UTC where it names no zone")] = None
    until: Annotated[datetime | None, Meta(description="before then")] = None
    limit: Annotated[int, Meta(ge=1, le=MOST_LINES, description=f"most rows; of JSON a page has {MOST:,} at most")] = (
        USUAL
    )
    cursor: Annotated[str, Meta(description="of the page before: what comes behind it")] = ""
    format: Annotated[Literal["json", "csv"], Meta(description="csv: sent as it is read")] = "json"


class HistoryEntry(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one record. Times are UTC, RFC 3339; durations are seconds."""

    at: Annotated[datetime, Meta(description="when its request was answered")]
    id: str
    request_id: str
    task: str
    model: str
    revision: str
    caller: Annotated[str, Meta(description="an id of a key; empty: nobody was asked")]
    lane: str
    status: Annotated[int, Meta(description="that this record alone would have")]
    code: Annotated[str, Meta(description="of its problem; empty: it was answered")]
    label: str
    score: float | None
    cost: Annotated[int, Meta(description="tokens")]
    queue: float
    compute: float
    batch_size: int
    is_cached: bool
    input_hash: Annotated[str, Meta(description="hexadecimal; empty: not kept")]
    input: Annotated[str, Meta(description="empty: not kept")]
    is_cut: Annotated[bool, Meta(description="there was more of the input")]
    output: Annotated[dict[str, Any] | None, Meta(description="null: not kept")]


class HistoryPage(Struct, frozen=True, kw_only=True):
    """Some of them, newest first."""

    rows: list[HistoryEntry]
    cursor: Annotated[str | None, Meta(description="of the next page; null: there is none")]


COLUMNS = HistoryEntry.__struct_encode_fields__


def entry_of(row: HistoryRow) -> HistoryEntry:
    kept = {name: getattr(row, name) for name in HistoryEntry.__struct_fields__}
    own = {"at": to_datetime(row.at), "id": str(UUID(bytes=row.id)), "input_hash": row.input_hash.hex()}
    return HistoryEntry(**kept | own | {"output": Raw(row.output) if row.output else None})


def cells_of(row: HistoryRow) -> list[Any]:
    """The same, as a line of CSV has it: in the order of `COLUMNS`."""
    entry = entry_of(row)
    own = {"at": entry.at.isoformat(), "output": row.output.decode()}
    return [own.get(name, getattr(entry, name)) for name in HistoryEntry.__struct_fields__]
