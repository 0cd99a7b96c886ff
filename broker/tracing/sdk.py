"""OpenTelemetry's SDK as we set it up: spans wait in a bounded queue, and a thread of its own sends them."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Tracer

from broker.common.throttled_log import ThrottledLog
from broker.common.version import jitney_version

CLOSING = 2.0  # seconds for what is left at the end: nobody waits longer for a collector that is away
MOST_LINKS = 256  # a batch has no more jobs; the SDK's own bound would leave out half of them
SHOWN = 300  # characters of what the SDK complains of
log = structlog.get_logger("tracing")


class Tracing:
    """What makes spans, and what sends them."""

    def __init__(self, endpoint: str, service: str, *, samples: bool, environ: Mapping[str, str]) -> None:
        _quieten()
        links = None if "OTEL_SPAN_LINK_COUNT_LIMIT" in environ else MOST_LINKS
        self._provider = TracerProvider(
            sampler=None if samples else ALWAYS_ON,  # None: what OTEL_TRACES_SAMPLER says
            resource=_resource(service),
            span_limits=SpanLimits(max_links=links),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self.tracer: Tracer = self._provider.get_tracer("jitney", jitney_version())
        log.info("spans are sent", collector=urlsplit(endpoint).netloc, service=service)

    def close(self) -> None:
        """Send what is left, if that goes quickly."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(CLOSING)


def _resource(service: str) -> Resource:
    """Of this process: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, and beside that what we know."""
    said = Resource.create()
    instance = f"{socket.gethostname()}-{os.getpid()}"
    known = {"service.name": service, "service.version": jitney_version(), "service.instance.id": instance}
    is_named = not str(said.attributes["service.name"]).startswith("unknown_service")
    return Resource(known).merge(said) if is_named else said.merge(Resource(known))


class _Throttled(logging.Handler):
    """The SDK has a line for each try, and for each span that finds the queue full."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._tell = ThrottledLog(log.warning)

    def emit(self, record: logging.LogRecord) -> None:
        self._tell("opentelemetry", reason=record.getMessage()[:SHOWN])


def _quieten() -> None:
    library = logging.getLogger("opentelemetry")
    library.handlers, library.propagate = [_Throttled()], False
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what it says of connections the SDK says again
