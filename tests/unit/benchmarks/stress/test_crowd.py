"""A crowd at a scripted server, and what is said of it."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest

from benchmarks.lib.stack import Child
from benchmarks.stress import crowd
from benchmarks.stress.crowd import Call, Refused, Report, lines, measure, share
from tests.unit.benchmarks.scripted import REPLY, answer_every, read_request, server

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def no_warm_up(monkeypatch):
    monkeypatch.setattr(crowd, "WARM_UP", 0.0)


def front_end(url):
    return Child(title="front end", pid=os.getpid(), port=int(url.rpartition(":")[2]), output=Path(os.devnull))


async def refuse_every(reader, writer):
    await read_request(reader)
    writer.write(b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\nfull")


async def test_each_of_the_crowd_has_one_first_answer_and_all_go_on():
    async with server(answer_every) as url:
        report = await measure(front_end(url), clients=5, beside=3, seconds=0.05)

    assert (len(report.firsts), report.calls != []) == (5, True)


async def test_a_caller_that_is_passed_over_counts_though_it_has_no_answer():
    connections = count()

    async def answer_one_of_them_once(reader, writer):
        if next(connections):
            await answer_every(reader, writer)
            return
        await read_request(reader)
        writer.write(REPLY)
        await reader.read()

    async with server(answer_one_of_them_once) as url:
        report = await measure(front_end(url), clients=1, beside=1, seconds=0.2)

    assert max(report.unanswered) >= len(report.calls) > 0


async def test_a_caller_that_is_refused_ends_the_measurement_with_what_it_was_told():
    async with server(refuse_every) as url:
        with pytest.raises(Refused, match="status 429: b'full'"):
            await measure(front_end(url), clients=2, beside=1, seconds=0.05)


def test_the_tables_say_how_soon_and_how_many_were_first():
    calls = [*[Call(took=0.2, others=4)] * 98, *[Call(took=0.3, others=6)] * 2]
    report = Report(
        clients=3, beside=1, firsts=[0.1, 0.5, 0.2], processor=0.25, calls=calls, unanswered=[3, 8], seconds=2.0
    )

    shown = list(lines(report))

    assert "| 0.20 s | 0.50 s | 0.50 s | 0.25 s |" in shown
    assert "| 50 | 0.200 s | 0.300 s | 1.50 | 1.00 | 1.00 | 1.50 | 2.00 |" in shown


def test_where_nothing_was_answered_more_time_is_asked_for():
    with pytest.raises(ValueError, match="more --seconds"):
        share([], 0.5)
