"""The spine's page."""

from __future__ import annotations

from benchmarks.lib.summary import Spread
from benchmarks.spent.broker_calls import BrokerWork
from benchmarks.spine.report import (
    BARE,
    JITNEY,
    Backlog,
    MachineLoad,
    Report,
    SingleClient,
    Throughput,
    markdown,
)
from benchmarks.spine.wrk import WrkRun

QUIET = MachineLoad(load=0.7, others=0.02)


def throughput(server: str, per_second: int) -> Throughput:
    run = WrkRun(requests=10 * per_second, seconds=10.0, refused=0, broken=0, p50=40.0, p99=50.0)
    work = broker_work(jobs=10 * per_second) if server == JITNEY else None
    return Throughput(server=server, run=run, cpu={"front end": 90.4}, load=QUIET, work=work)


def broker_work(jobs: int) -> BrokerWork:
    return BrokerWork(jobs=jobs, batches=100, seconds=1.0, exec=100, evalsha=106, admit=3, commands=3600)


def report() -> Report:
    latency = Spread(p50=11.4, p90=12, p99=13, p999=14, max=14)
    rates = ((BARE, 20_000), (JITNEY, 6_000), (BARE, 10_000), (JITNEY, 4_000))
    return Report(
        machine={"processor": "AMD EPYC"},
        throughput=[throughput(server, per_second) for server, per_second in rates],
        backlogs=[
            Backlog(max_batch_size=64, work=broker_work(6400), load=QUIET),
            Backlog(max_batch_size=16, work=broker_work(1600), load=QUIET),
        ],
        single_client=[SingleClient(what="Jitney, policy adaptive", requests=500, latency=latency, load=QUIET)],
    )


def test_the_share_is_taken_within_each_round():
    assert list(report().shares) == [0.3, 0.4]


def test_the_share_of_the_run_is_the_median_of_its_rounds():
    assert report().share == 0.35


def test_a_figure_stands_beside_the_machine_and_what_else_ran():
    page = markdown(report())

    assert "- processor: AMD EPYC" in page
    assert "| Jitney | 6,000 | 0 | 0 | 40.0 | 50.0 | front end 90 | 0.7 | 0.02 |" in page


def test_the_broker_s_work_is_given_for_a_batch():
    row = "| backlog, ≤ 64 a batch | 6400 | 100 | 64.0 | 100 | 100 | 106 | 3 | 2.06 | 2.03 | 36 | 0.7 | 0.02 |"

    assert row in markdown(report())


def test_the_broker_s_work_is_given_for_one_job_more():
    assert "From 16 to 64 jobs a batch, each job more adds **0.0000** EXEC + EVALSHA" in markdown(report())


def test_the_lone_client_s_latency_is_there():
    assert "| Jitney, policy adaptive | 500 | 11.40 | 12.00 | 13.00 | 14.00 | 0.7 | 0.02 |" in markdown(report())


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    tables = [block.split("\n") for block in markdown(report()).split("\n\n") if block.startswith("|")]

    assert len(tables) == 3
    assert all(len({line.count("|") for line in table}) == 1 for table in tables)
