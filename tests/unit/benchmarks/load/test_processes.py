"""Processes that really send, to a scripted server."""

from __future__ import annotations

import asyncio
import multiprocessing
from contextlib import suppress
from dataclasses import replace

import pytest

from benchmarks.load.command import main, read_plan, send
from benchmarks.load.progress import Tally
from broker.common.free_port import free_port
from tests.unit.benchmarks.scripted import answer_every, read_request, server

pytestmark = pytest.mark.anyio

PLAN, _ = read_plan(["--rate", "20", "--arrivals", "constant", "--duration", "1.5", "--warm-up", "0"])


async def test_several_processes_send_what_the_plan_says():
    told: list[Tally] = []

    async with server(answer_every) as url:
        sent = await send(replace(PLAN, url=url, processes=2), told.append)

    assert [call.outcome for call in sent.calls] == ["200"] * 30
    assert (len(told) >= 2, sum(one.failed for one in told), sent.busy > 0) == (True, 0, True)
    assert multiprocessing.active_children() == []


async def test_a_process_that_dies_is_told_and_ends_the_others():
    killed: list[int] = []

    async def script(reader, writer) -> None:
        # Some connect only to see whether anybody listens, and others are hung up on by the dying.
        with suppress(asyncio.IncompleteReadError, ConnectionResetError):
            await read_request(reader)
            if not killed:
                last = max(multiprocessing.active_children(), key=lambda child: child.pid)
                killed.append(last.pid)
                last.kill()

    async with server(script) as url:
        with pytest.raises(ChildProcessError, match="exit status -9"):
            await send(replace(PLAN, url=url, duration=60.0, processes=2))

    assert multiprocessing.active_children() == []


def test_nobody_listening_is_said_as_plainly_as_by_one_process(capsys):
    status = main(["--rate", "1", "--processes", "2", "--url", f"http://127.0.0.1:{free_port()}"])

    assert (status, "nothing listens at http://127.0.0.1:" in capsys.readouterr().err) == (1, True)
