"""`python -m history`, and `jitney history run`: settings, broker, database, writer."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from broker.common.logs import configure_logging
from broker.common.masking import masked
from broker.common.output import never_fail
from broker.common.processes.workers import PortTaken, met, serve_metrics, stop_on_signals
from broker.errors import BrokerUnfit
from broker.redis import connect_history
from broker.settings import BrokerSettings, parser_for, pick
from history.databases.contract import Database
from history.databases.errors import DatabaseUnfit
from history.databases.place import open_database
from history.settings import HistorySettings
from history.writing.counts import Counts, WriterMetrics
from history.writing.writer import Writer

DESCRIPTION = "Brings what became of each record from the broker to a database. A second one stands by."
log = structlog.get_logger("history")


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
    stopping, counts = stop_on_signals(), Counts()
    serve_metrics(WriterMetrics(counts).serve, settings.metrics_host, settings.metrics_port)
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    async with aclosing(await connect_history(broker.redis_url, broker.namespace, name)) as queue, aclosing(database):
        if await met(queue.check, broker.redis_url, stopping, log):
            await Writer(queue, database, counts, name=name, keep=settings.keep).run(stopping)


if __name__ == "__main__":
    never_fail()
    sys.exit(main())
