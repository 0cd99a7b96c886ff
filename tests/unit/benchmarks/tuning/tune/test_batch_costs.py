"""Real batches, asked of a scripted server: what counts as one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.load.plan import Plan, read_plan
from benchmarks.tuning.tune.batch_costs import batch_costs, were_together
from tests.unit.benchmarks.scripted import read_request, server

pytestmark = pytest.mark.anyio


def test_jobs_that_queued_behind_a_batch_were_not_in_it():
    assert were_together({"queue": 0.3, "compute": 20.0})
    assert not were_together({"queue": 20.0, "compute": 20.0})
    assert not were_together({})


def plan(url: str) -> Plan:
    return replace(read_plan(["--rate", "1", "--url", url])[0], timeout=5.0)


async def test_batches_are_told_by_their_size_up_to_where_they_do_not_go_at_once():
    async def script(reader, writer) -> None:
        while request := await read_request(reader):
            jobs = request.count(b'"text"')
            queue = 0.0 if jobs <= 4 else 50.0
            timing = f"queue;dur={queue}, window;dur=0.0, compute;dur={10 + jobs}, return;dur=1.0"
            writer.write(f"HTTP/1.1 200 OK\r\nServer-Timing: {timing}\r\nContent-Length: 2\r\n\r\n{{}}".encode())

    async with server(script) as url:
        found = await batch_costs(plan(url), 64)

    assert sorted({(batch.jobs, round(batch.compute * 1000)) for batch in found}) == [(1, 11), (2, 12), (4, 14)]


async def test_a_server_that_does_not_time_is_told_with_the_remedy():
    async def script(reader, writer) -> None:
        while await read_request(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with server(script) as url:
        with pytest.raises(ValueError, match="JITNEY_SERVER_TIMING must be on"):
            await batch_costs(plan(url), 8)
