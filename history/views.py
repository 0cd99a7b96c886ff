"""What is asked of the kept rows again and again: views for people with SQL, and reports of `jitney report`. Pure.

Both databases give the same numbers. SQLite has no percentiles, so there the rank of each row says which one it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from history.databases.contract import Dialect

POSTGRESQL, SQLITE = Dialect.POSTGRESQL, Dialect.SQLITE
Views = Mapping[Dialect, Mapping[str, str]]
LOW = 0.5  # a first label with a lower score was hardly chosen

DAY = {POSTGRESQL: "(at at time zone 'UTC')::date", SQLITE: "date(at / 1000000, 'unixepoch')"}
HOUR = {
    POSTGRESQL: "date_trunc('hour', at, 'UTC')",
    SQLITE: "strftime('%Y-%m-%d %H:00:00', at / 1000000, 'unixepoch')",
}
LAST = {POSTGRESQL: "max(at)", SQLITE: "strftime('%Y-%m-%d %H:%M:%S', max(at) / 1000000, 'unixepoch')"}

PER_DAY = """
select {day} as day, model, label, count(*) as n, avg(score) as mean_score
from prediction where code = '' and {condition} group by 1, 2, 3"""
LOW_CONFIDENCE = f"""
select at, model, label, caller, input, request_id, id, score
from prediction where code = '' and label <> '' and score < {LOW} and {{condition}}"""
BY_KEY = """
select caller, count(*) as n, count(*) filter (where code <> '') as errors, cast(sum(cost) as bigint) as tokens,
    {last} as last
from prediction where {condition} group by 1"""
ERRORS = """
select {day} as day, model, code, count(*) as n from prediction where code <> '' and {condition} group by 1, 2, 3"""
CACHED = """
select {day} as day, model, count(*) as n, count(*) filter (where is_cached) as hits,
    cast(count(*) filter (where is_cached) as double precision) / count(*) as share
from prediction where code = '' and {condition} group by 1, 2"""
COMPUTED = "code = '' and batch_size > 0 and {condition}"
LATENCY = {
    POSTGRESQL: f"""
select {{hour}} as hour, model, count(*) as n,
    percentile_disc(0.5) within group (order by queue + compute) as p50,
    percentile_disc(0.95) within group (order by queue + compute) as p95
from prediction where {COMPUTED} group by 1, 2""",
    SQLITE: f"""
select hour, model, n, min(latency) filter (where rank * 100 >= n * 50) as p50,
    min(latency) filter (where rank * 100 >= n * 95) as p95
from (
    select {{hour}} as hour, model, queue + compute as latency,
        count(*) over (partition by {{hour}}, model) as n,
        row_number() over (partition by {{hour}}, model order by queue + compute) as rank
    from prediction where {COMPUTED}
) group by hour, model, n""",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One view as `jitney report` shows it, of the rows that somebody asks for."""

    view: str
    sql: Mapping[Dialect, str]
    columns: Sequence[str]
    numbers_from: str  # the first column that is a number: words stand before it
    order: str  # newest, lowest or most first
    said: str  # what it tells

    def of(self, dialect: Dialect, condition: str = "true") -> str:
        """Its SQL, without an order. The condition holds no value."""
        words = {"day": DAY[dialect], "hour": HOUR[dialect], "last": LAST[dialect]}
        return self.sql[dialect].format(condition=condition, **words).strip()


def _in_both(sql: str) -> Mapping[Dialect, str]:
    return dict.fromkeys(Dialect, sql)


# By the names that `jitney report` takes.
REPORTS: Mapping[str, Report] = {
    "per-day": Report(
        view="per_day",
        sql=_in_both(PER_DAY),
        columns=("day", "model", "label", "n", "mean_score"),
        numbers_from="n",
        order="day desc, n desc, model, label",
        said="answers by day, model and first label",
    ),
    "latency": Report(
        view="latency_by_hour",
        sql=LATENCY,
        columns=("hour", "model", "n", "p50", "p95"),
        numbers_from="n",
        order="hour desc, model",
        said="queue and compute of what was computed, by hour: half, and 95 of 100, took no longer",
    ),
    "errors": Report(
        view="errors",
        sql=_in_both(ERRORS),
        columns=("day", "model", "code", "n"),
        numbers_from="n",
        order="day desc, n desc, model, code",
        said="records that were not answered, by their problem",
    ),
    "cached": Report(
        view="cached",
        sql=_in_both(CACHED),
        columns=("day", "model", "n", "hits", "share"),
        numbers_from="n",
        order="day desc, model",
        said="answers that came from the cache",
    ),
    "keys": Report(
        view="by_key",
        sql=_in_both(BY_KEY),
        columns=("caller", "n", "errors", "tokens", "last"),
        numbers_from="n",
        order="n desc, caller",
        said="records by key, with the tokens that they cost",
    ),
    "low-confidence": Report(
        view="low_confidence",
        sql=_in_both(LOW_CONFIDENCE),
        columns=("at", "model", "label", "caller", "input", "request_id", "id", "score"),
        numbers_from="score",
        order="score, at desc, id",
        said=f"first labels with a score below {LOW}, lowest first",
    ),
}

# A migration drops a view first that loses a column or gives one another type: people's rights to a view, and theirs on
# top of it, outlive everything else.
VIEWS: Views = {dialect: {one.view: one.of(dialect) for one in REPORTS.values()} for dialect in Dialect}
