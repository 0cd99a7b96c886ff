"""A report of `cost` made of constants that are known: what is found can be compared with them."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.cost.contract import Report, Run, Sent, Sized, Standing, Waiting
from benchmarks.spent.spent import Spent

# µs: of a request, of a batch, of a job, of a thousand characters more, which records otherwise have none of.
FRONT_END, BROKER, BATCHER = (100, 0, 20, 5), (10, 300, 8, 2), (0, 900, 30, 1)


def run(requests: int, records: int, jobs_a_batch: int, characters: int = 0) -> Run:
    jobs = requests * records
    batches = jobs // jobs_a_batch

    def seconds(constants: tuple[int, int, int, int]) -> float:
        request, batch, job, thousand = constants
        return 1e-6 * (request * requests + batch * batches + (job + thousand * characters / 1000) * jobs)

    cpu = {"front end": seconds(FRONT_END), "broker": seconds(BROKER), "batcher synthetic": seconds(BATCHER)}
    spent = Spent(seconds=2.0, cpu=cpu, busy=3.0, calls={"get": 2 * jobs}, trips=3 * batches, batches=batches)
    return Run(requests=requests, records=records, seconds=2.0, p50=4.0, spent=spent)


def sent(varied: str, records: int, characters: int) -> Sent:
    busy = run(64_000, records, 64 if records > 1 else 20 if characters > 100 else 32, characters)
    lone = run(500, records, records, characters)
    return Sent(varied=varied, records=records, characters=characters, clients=256, lone=lone, busy=busy)


def sized(size: int) -> Sized:
    # In batches as they come of requests of many records: what a request costs is not to be seen in them.
    whole = run(64, 256, size)
    cpu = {**whole.spent.cpu, "broker": whole.spent.cpu["broker"] - 64 * 1e-6 * BROKER[0]}
    return Sized(size=size, run=replace(whole, spent=replace(whole.spent, cpu=cpu)))


def waiting(backlog: int) -> Waiting:
    standing = Standing(backlog=backlog, batch=10, admit=0.2, claim=0.3, finish=0.4, micros=11.0)
    return Waiting(backlog=backlog, run=run(100, 10, 10), standing=standing)


def report() -> Report:
    """Constants are in it without their thousand characters: texts of `records` have none here."""
    return Report(
        date="2026-11-29",
        machine={"processor": "AMD EPYC"},
        sent=[
            *(sent("records", records, 0) for records in (1, 256)),
            *(sent("characters", 1, characters) for characters in (10, 1_000)),
        ],
        sized=[sized(1), sized(64)],
        waiting=[waiting(10)],
    )
