"""`python -m server`: settings, broker, application, uvicorn."""

from __future__ import annotations

import gc
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from broker.admin.observer import Observer
from broker.common.logs import configure_logging
from broker.common.masking import masked, shown
from broker.common.output import never_fail
from broker.contract import FrontEndBroker
from broker.errors import BrokerUnfit
from broker.redis import connect_front_end
from broker.settings import BrokerSettings, parser_for, pick
from broker.tracing.settings import TracingSettings
from broker.tracing.startup import spans_sent, tracing_from
from server.app import create_app
from server.broker_tasks import BrokerTasks, Connect
from server.broker_view import BrokerView
from server.cache.startup import cache_from, cache_secret_from
from server.callers.authentication import Authentication
from server.callers.startup import authentication_from, broker_keys, warn_of_strangers
from server.codecs import make_codec
from server.files.files import Files
from server.files.startup import files_from
from server.fleet.defaults import parse_defaults
from server.front_end import FrontEnd
from server.history.history import History
from server.history.startup import history_from
from server.http.ports import PortTaken, listening, metrics_served
from server.http.uvicorn_server import Server, uvicorn_config
from server.settings import ServerSettings
from server.webhooks.startup import secrets_from

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

DESCRIPTION = "One stateless front end: HTTP on one side, the broker on the other. Start as many as you like."

MEETING = 3.0  # seconds that a port stays shut for a broker, and for codecs, that are not there yet


def connector(broker: BrokerSettings, server: ServerSettings, front_end: str) -> Connect:
    """How each task gets its own connection, to a broker that has been checked."""

    @asynccontextmanager
    async def connection() -> AsyncIterator[FrontEndBroker]:
        made = await connect_front_end(
            broker.redis_url,
            broker.namespace,
            front_end,
            max_queue_jobs=server.max_queue_jobs,
            max_queue_tokens=server.max_queue_tokens,
            max_queue_bytes=server.max_queue_bytes,
        )
        try:
            await made.check()
            yield made
        finally:
            await made.aclose()

    return connection


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 after a signal, 1 for a port or a broker that cannot be used, 2 for wrong usage."""
    parser = parser_for("python -m server", DESCRIPTION, ServerSettings, TracingSettings, BrokerSettings)
    values = parser.parse_args(arguments)
    settings, broker = pick(ServerSettings, values), pick(BrokerSettings, values)
    parser.refuse(settings.complaints())
    try:
        webhook_secrets = secrets_from(os.environ, settings)
        files = files_from(settings)
        authentication = authentication_from(settings)
        history = history_from(os.environ, settings)
        cache_secret = cache_secret_from(os.environ, settings)
        configure_logging(settings.log_level)
        tracing = tracing_from(os.environ, pick(TracingSettings, values), "jitney-front-end", samples=True)
    except ValueError as error:
        parser.error(str(error))
    tune_garbage_collector()
    try:
        with spans_sent(tracing):
            tracer = None if tracing is None else tracing.tracer
            run(settings, broker, webhook_secrets, files, authentication, history, cache_secret, tracer)
    except (PortTaken, BrokerUnfit) as error:
        print(f"python -m server: {masked(parser.as_given(str(error)))}", file=sys.stderr)
        return 1
    return 0


def tune_garbage_collector() -> None:
    """A request leaves no cycles behind, so the garbage collector may run rarely: it took a third of all time."""
    gc.collect()
    gc.freeze()
    # It runs when so many objects are made and not freed, and a request that waits has about fifty. At 10,000 two
    # hundred that came at once woke it, again and again: that cost a sixth of a core, so more of them waited.
    gc.set_threshold(100_000, 20, 50)


def run(
    settings: ServerSettings,
    broker: BrokerSettings,
    webhook_secrets: Sequence[bytes] = (),
    files: Files | None = None,
    authentication: Authentication | None = None,
    history: History | None = None,
    cache_secret: bytes = b"",
    tracer: Tracer | None = None,
) -> None:
    """Serve until a signal. Raises `PortTaken`, and `BrokerUnfit` for a broker that would lose jobs."""
    identity = secrets.token_hex(8)
    connect = connector(broker, settings, identity)
    tasks = BrokerTasks(
        connect,
        identity,
        make_codec,
        on_unfit=lambda error: server.give_up(error),
        address=shown(broker.redis_url),
        defaults=parse_defaults(settings.default_models),
        durable=settings.prediction_durability == "strict",
        keys=broker_keys(authentication),
        history=history.appender if history is not None else None,
    )
    warn_of_strangers(settings)
    front_end = FrontEnd(
        settings=settings,
        tasks=tasks,
        webhook_secrets=webhook_secrets,
        files=files,
        authentication=authentication,
        history=history,
        cache=cache_from(settings, broker, cache_secret, lambda error: server.give_up(error)),
        broker_view=BrokerView(Observer(broker.redis_url, broker.namespace).observe),
        tracer=tracer,
    )
    server = Server(uvicorn_config(create_app(front_end, MEETING), settings, front_end.metrics.refused), front_end)
    with listening(settings) as listener, metrics_served(front_end):
        server.run(sockets=[listener])
    if server.reason is not None:
        raise server.reason


if __name__ == "__main__":
    never_fail()
    sys.exit(main())
