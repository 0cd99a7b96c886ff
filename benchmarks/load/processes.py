"""A plan sent from several processes, where one has not enough of a core."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier

from benchmarks.lib.http_client import fast_run
from benchmarks.load.plan import Plan
from benchmarks.load.progress import Tally
from benchmarks.load.sending import Report, Sent, send_alone
from benchmarks.load.shares import shares, together

START_LIMIT = 60.0  # seconds that the processes wait for each other, so that none outlives us for long

Clients = Mapping[Connection, SpawnProcess]


async def send_from_several(plan: Plan, report: Report | None = None) -> Sent:
    """As `send_alone` does it. Raises `ChildProcessError` when a process died; all end with us, Ctrl-C included."""
    with _clients(plan, report is not None) as clients:
        return together(await asyncio.to_thread(_collect, clients, report))


@contextmanager
def _clients(plan: Plan, is_watched: bool) -> Iterator[Clients]:
    # A fork would carry our event loop along.
    context = multiprocessing.get_context("spawn")
    parts = shares(plan)
    together = context.Barrier(len(parts))
    clients: dict[Connection, SpawnProcess] = {}
    try:
        for part in parts:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_client, args=(part, theirs, together, is_watched), daemon=True)
            process.start()
            theirs.close()  # now the end of the process is the end of the pipe
            clients[ours] = process
        yield clients
    finally:
        for process in clients.values():
            process.terminate()
            process.join()


def _client(plan: Plan, pipe: Connection, together: Barrier, is_watched: bool) -> None:
    """What a process does: tallies if they are wanted, and at the end what was sent, or why it could not be."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for all of the terminal; the first process ends us
    together.wait(START_LIMIT)
    try:
        pipe.send(fast_run(send_alone(plan, pipe.send if is_watched else None)))
    except (OSError, ValueError) as error:
        pipe.send(error)


def _collect(clients: Clients, report: Report | None) -> list[Sent]:
    found: list[Sent] = []
    running = list(clients)
    while running:
        ready = wait(running)
        for pipe in [pipe for pipe in running if pipe in ready]:
            said = _received(pipe, clients)
            if isinstance(said, Tally) and report:
                report(said)
            elif isinstance(said, Sent):
                found.append(said)
                running.remove(pipe)
    return found


def _received(pipe: Connection, clients: Clients) -> Tally | Sent:
    try:
        said: Tally | Sent | Exception = pipe.recv()
    except EOFError:
        clients[pipe].join()
        code = clients[pipe].exitcode
        raise ChildProcessError(f"a process that sends has died (exit status {code}); nothing is counted") from None
    if isinstance(said, Exception):
        raise said
    return said
