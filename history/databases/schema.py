"""What stands in a database, version after version, and whose turn it is to write. Pure: SQL as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from history.databases.contract import Dialect, Migrations
from history.databases.errors import DatabaseUnfit
from history.views import VIEWS, Views

# New versions stand at the end. A writer of the release before may still write while one is made: add, with a default.
MIGRATIONS: Migrations = {
    Dialect.POSTGRESQL: (
        (
            """create table prediction (
                at timestamptz not null,
                id uuid not null,
                request_id text not null,
                task text not null,
                model text not null,
                revision text not null,
                caller text not null,
                lane text not null,
                status smallint not null,
                code text not null,
                input_hash bytea,
                input text,
                is_cut boolean not null,
                output jsonb,
                label text not null,
                score double precision,
                cost integer not null,
                queue real not null,
                compute real not null,
                batch_size integer not null,
                is_cached boolean not null,
                primary key (at, id)
            ) partition by range (at)""",
            "create index prediction_at on prediction using brin (at)",
            "create index prediction_model on prediction (model, at)",
        ),
    ),
    Dialect.SQLITE: (
        (
            """create table prediction (
                at integer not null, -- microseconds since 1970
                id blob not null,
                request_id text not null,
                task text not null,
                model text not null,
                revision text not null,
                caller text not null,
                lane text not null,
                status integer not null,
                code text not null,
                input_hash blob,
                input text,
                is_cut integer not null,
                output text,
                label text not null,
                score real,
                cost integer not null,
                queue real not null,
                compute real not null,
                batch_size integer not null,
                is_cached integer not null,
                primary key (at, id)
            ) without rowid""",
            "create index prediction_model on prediction (model, at)",
        ),
    ),
}

# One row: the schema's version, a hash of its views, and which writer's turn it is until when, by the database's clock.
META = (
    """create table history_meta (
        version integer not null,
        views text not null default '',
        writer text not null default '',
        until double precision not null default 0
    )""",
    "insert into history_meta (version) values (0)",
)
THERE = "select version, views from history_meta"
NOW = {
    Dialect.POSTGRESQL: "extract(epoch from clock_timestamp())",
    Dialect.SQLITE: "(julianday('now') - 2440587.5) * 86400.0",
}
NEWER = "its schema has version {found}, of a newer release than this one, which knows {known}: run that release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Versions and views. Tests have their own."""

    migrations: Migrations
    views: Views

    def upgrade(self, dialect: Dialect, there: Sequence[Any] | None) -> list[str]:
        """What brings a database in which `THERE` finds that, None in an empty one, to ours: nothing where it is that.
        Raises `DatabaseUnfit` for a newer one."""
        steps, views = self.migrations[dialect], self._views(dialect)
        version, known = (there[0], there[1]) if there else (0, "")
        if version > len(steps):
            raise DatabaseUnfit(NEWER.format(found=version, known=len(steps)))
        ours = sha256(repr(views).encode()).hexdigest()
        if there and (version, known) == (len(steps), ours):
            return []  # whoever replaces a view waits for all that read it, and holds up all that come behind
        new = [sql for step in steps[version:] for sql in step]
        said = f"update history_meta set version = {len(steps)}, views = '{ours}'"
        return [*(() if there else META), *new, *views, said]

    def _views(self, dialect: Dialect) -> list[str]:
        views = self.views[dialect].items()
        if dialect is Dialect.POSTGRESQL:  # replaced, not dropped: who may read it stays
            return [f"create or replace view {name} as {sql}" for name, sql in views]
        return [sql for name, body in views for sql in (f"drop view if exists {name}", f"create view {name} as {body}")]


SCHEMA = Schema(migrations=MIGRATIONS, views=VIEWS)


def take_turn(dialect: Dialect, writer: str, seconds: float) -> tuple[str, list[Any]]:
    """Changes a row where it is this writer's turn, or nobody's: then it is its turn for so many seconds."""
    now = NOW[dialect]
    sql = f"update history_meta set writer = $1, until = {now} + $2 where writer = $1 or until < {now}"
    return sql, [writer, seconds]


def end_turn(writer: str) -> tuple[str, list[Any]]:
    """Let another one write at once."""
    return "update history_meta set until = 0 where writer = $1", [writer]
