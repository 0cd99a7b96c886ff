"""What the broker was asked to do, by its own count (INFO commandstats), and what that is for a batch and for a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.spent.spent import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerWork:
    """What so many jobs in so many batches cost the broker."""

    jobs: int
    batches: int
    seconds: float
    exec: int  # a FINISH of large results is the one transaction there is
    evalsha: int  # any other FINISH, DRAIN, ADMIT, BEAT, RECLAIM; the one inside each transaction is no trip of its own
    admit: int  # among them
    commands: int  # all that ran, those inside scripts included

    @property
    def jobs_a_batch(self) -> float:
        return self.jobs / self.batches

    @property
    def batches_a_second(self) -> float:
        return self.batches / self.seconds

    @property
    def trips_a_batch(self) -> float:
        """EXEC + EVALSHA, every one of them."""
        return (self.exec + self.evalsha) / self.batches

    @property
    def batcher_trips_a_batch(self) -> float:
        """EXEC + EVALSHA but ADMIT, which is the front ends' and goes by requests: FINISH, DRAIN, BEAT and RECLAIM."""
        return (self.exec + self.evalsha - self.admit) / self.batches

    @property
    def commands_a_batch(self) -> float:
        return self.commands / self.batches


def by_command(commandstats: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Calls by command, from `INFO commandstats` as redis-py reads it."""
    return {name.removeprefix("cmdstat_").lower(): int(stat["calls"]) for name, stat in commandstats.items()}


def broker_work(spent: Spent, jobs: int) -> BrokerWork:
    """Of what was spent on these jobs. Raises `ValueError` when no batch left the card."""
    if spent.batches < 1:
        raise ValueError("no batch was computed while the broker's calls were counted")
    transactions = spent.calls.get("exec", 0)
    return BrokerWork(
        jobs=jobs,
        batches=spent.batches,
        seconds=spent.seconds,
        exec=transactions,
        evalsha=spent.calls.get("evalsha", 0) - transactions,
        admit=spent.admissions,
        commands=spent.commands,
    )


def combined(works: list[BrokerWork]) -> BrokerWork:
    """Several as one."""
    return BrokerWork(**{name: sum(getattr(one, name) for one in works) for name in BrokerWork.__slots__})


def trips_a_job(large: BrokerWork, small: BrokerWork) -> float:
    """How many EXEC and EVALSHA one job more adds to a batch: the slope from small batches to large ones. 0 = O(1)."""
    return _slope(large, small, large.batcher_trips_a_batch - small.batcher_trips_a_batch)


def commands_a_job(large: BrokerWork, small: BrokerWork) -> float:
    """The same for all commands, those inside scripts included."""
    return _slope(large, small, large.commands_a_batch - small.commands_a_batch)


def _slope(large: BrokerWork, small: BrokerWork, rise: float) -> float:
    return rise / (large.jobs_a_batch - small.jobs_a_batch)
