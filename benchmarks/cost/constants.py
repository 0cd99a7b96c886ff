"""A few constants that say what a request, a batch and a job cost each process, and where one of each ends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.cost.contract import Report, Sent, Sized

FULL = 64  # jobs of a batch: the default of --max-batch-size
FEW, MANY = 1, 256  # records of a request
TEXTS = 10, 1_000  # characters: longer ones are read in threads, and met by smaller batches
THOUSAND = 1_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """Processor time, µs, while many are served. `lone`: of a request of one record that is alone."""

    front_end_request: float
    front_end_record: float  # besides its request
    front_end_lone: float
    front_end_characters: float  # a thousand more in a record
    broker_request: float
    broker_batch: float
    broker_job: float  # besides its request and its batch
    broker_lone: float
    broker_characters: float
    batcher_batch: float
    batcher_job: float  # besides its batch
    batcher_lone: float
    batcher_characters: float


def constants(report: Report) -> Constants:
    """Each from two rows that differ in one thing; medians of rounds. Raises `ValueError` where one is missing."""
    front_end_request, front_end_record = _front_end(report)
    broker_batch, broker_job = _of_a_batch(report.sized, "broker")
    batcher_batch, batcher_job = _of_a_batch(report.sized, "batcher")
    single = _rows(report.sent, "records", FEW)
    carried = _besides_batches(single, "broker", broker_batch)
    return Constants(
        front_end_request=front_end_request,
        front_end_record=front_end_record,
        broker_request=max(0.0, carried - broker_job),
        broker_batch=broker_batch,
        broker_job=broker_job,
        batcher_batch=batcher_batch,
        batcher_job=batcher_job,
        front_end_lone=median(row.lone.micros("front end") for row in single),
        broker_lone=median(row.lone.micros("broker") for row in single),
        batcher_lone=median(row.lone.micros("batcher") for row in single),
        front_end_characters=_characters(report, "front end", 0.0),
        broker_characters=_characters(report, "broker", broker_batch),
        batcher_characters=_characters(report, "batcher", batcher_batch),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What one core of each brings at most, a second."""

    front_end_requests: float  # of one record
    front_end_records: float  # in requests of 256
    broker_full: float  # jobs, one a request, batches of 64
    broker_records: float  # jobs, 256 a request, batches of 64
    broker_ones: float  # jobs, one a request, batches of one
    batcher_full: float  # jobs in batches of 64, of a model that takes no time
    batcher_ones: float  # batches of one


def ends(of: Constants) -> Ends:
    """By the constants alone: a core that does nothing else."""
    return Ends(
        front_end_requests=1e6 / (of.front_end_request + of.front_end_record),
        front_end_records=1e6 / (of.front_end_request / MANY + of.front_end_record),
        broker_full=1e6 / (of.broker_request + of.broker_batch / FULL + of.broker_job),
        broker_records=1e6 / (of.broker_request / MANY + of.broker_batch / FULL + of.broker_job),
        broker_ones=1e6 / (of.broker_request + of.broker_batch + of.broker_job),
        batcher_full=1e6 / (of.batcher_batch / FULL + of.batcher_job),
        batcher_ones=1e6 / (of.batcher_batch + of.batcher_job),
    )


def _front_end(report: Report) -> tuple[float, float]:
    """µs of a request, and of each record in it: the line through the smallest and the largest."""
    few, many = (
        median(row.busy.micros_a_request("front end") for row in _rows(report.sent, "records", records))
        for records in (FEW, MANY)
    )
    a_record = (many - few) / (MANY - FEW)
    return few - a_record, a_record


def _of_a_batch(sized: Sequence[Sized], kind: str) -> tuple[float, float]:
    """µs of a batch, and of each job in it: the line through the smallest batches and the largest."""
    smallest, largest = (
        [row.run for row in sized if row.size == size] for size in (at(row.size for row in sized) for at in (min, max))
    )
    few, many = (median(run.jobs_a_batch for run in runs) for runs in (smallest, largest))
    low, high = (median(run.micros_a_batch(kind) for run in runs) for runs in (smallest, largest))
    a_job = (high - low) / (many - few)
    return low - a_job * few, a_job


def _characters(report: Report, kind: str, a_batch: float) -> float:
    """µs of a thousand characters more, from texts that travel within their jobs; 0.0 where noise is more than that."""
    short, long = (_besides_batches(_rows(report.sent, "characters", size), kind, a_batch) for size in TEXTS)
    return max(0.0, THOUSAND * (long - short) / (TEXTS[1] - TEXTS[0]))


def _besides_batches(sent: Sequence[Sent], kind: str, a_batch: float) -> float:
    """µs of a job without its share of a batch, which would tell rows apart that met batches of other sizes."""
    return median(row.busy.micros(kind) - a_batch / row.busy.jobs_a_batch for row in sent)


def _rows(sent: Sequence[Sent], varied: str, value: int) -> list[Sent]:
    rows = [row for row in sent if row.varied == varied and row.value == value]
    if not rows:
        raise ValueError(f"no row with {value} {varied} was measured")
    return rows
