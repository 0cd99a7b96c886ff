"""`python -m history`, and `jitney history run`: settings, broker, database, writer."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import aclosing, suppress

import structlog

from broker.common.backoff import Backoff
from broker.common.diagnosis import diagnose
from broker.common.logs import configure_logging
from broker.common.masking import masked
from broker.common.output import never_fail
from broker.common.throttled_log import ThrottledLog
from broker.errors import BrokerError, BrokerUnfit
from broker.redis import RedisHistory, connect_history
from broker.settings import BrokerSettings, parser_for, pick
from history.databases.contract import Database
from history.databases.errors import DatabaseUnfit
from history.databases.place import open_database
from history.settings import HistorySettings
from history.writing.counts import Counts, WriterMetrics
from history.writing.writer import Writer

DESCRIPTION = "Brings what became of each record from the broker to a database. A second one stands by."
log = structlog.get_logger("history")


class PortTaken(Exception):
    """The metrics port cannot be had; the message names the remedy."""


def main(arguments: Sequence[str] | None = None, prog: str = "python -m history") -> int:
    """Exit status: 0 after a signal, 1 for a broker, a database or a port that cannot be used, 2 for wrong usage."""
    parser = parser_for(prog, DESCRIPTION, HistorySettings, BrokerSettings)
    values = parser.parse_args(arguments)
    settings, broker = pick(HistorySettings, values), pick(BrokerSettings, values)
    parser.refuse(settings.complaints())
    try:
        database = open_database(settings.history_database)
    except DatabaseUnfit as error:
        parser.error(str(error))
    configure_logging(settings.log_level)
    try:
        asyncio.run(_serve(settings, broker, database))
    except (BrokerUnfit, DatabaseUnfit, PortTaken) as error:
        print(f"{prog}: {masked(parser.as_given(str(error)))}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: HistorySettings, broker: BrokerSettings, database: Database) -> None:
    stopping, counts = _stop_on_signals(), Counts()
    _serve_metrics(settings, counts)
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    async with aclosing(await connect_history(broker.redis_url, broker.namespace, name)) as queue, aclosing(database):
        if await _met(queue, broker, stopping):
            await Writer(queue, database, counts, name=name, keep=settings.keep).run(stopping)


async def _met(queue: RedisHistory, broker: BrokerSettings, stopping: asyncio.Event) -> bool:
    """Check the broker; wait for one that is away. False when told to stop first."""
    backoff, not_met = Backoff(0.2, 1.0), ThrottledLog(log.warning)
    while not stopping.is_set():
        try:
            await queue.check()
            return True
        except BrokerUnfit:
            raise
        except BrokerError as error:
            why = diagnose(error, broker.redis_url)
            not_met("broker not met", url=why.tried, error=str(error), cause=why.cause, remedy=why.remedy)
        with suppress(TimeoutError):
            async with asyncio.timeout(backoff.pause()):
                await stopping.wait()
    return False


def _serve_metrics(settings: HistorySettings, counts: Counts) -> None:
    try:
        if settings.metrics_port:
            WriterMetrics(counts).serve(settings.metrics_host, settings.metrics_port)
    except OSError as error:
        taken = f"metrics port {settings.metrics_port}: {error.strerror}"
        raise PortTaken(f"{taken}; choose another with --metrics-port, or 0") from error


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


if __name__ == "__main__":
    never_fail()
    sys.exit(main())
