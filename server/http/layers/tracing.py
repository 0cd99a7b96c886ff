"""A span for each request: it goes on from its client's, where there is one, and what its jobs cause goes on from it.

Nothing that a client has sent is in a span: neither texts nor keys, nor addresses, which hold ids that open results.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.tracing.context import trace_headers
from broker.tracing.spans import NAMES, carried, parent
from server.errors import Problem
from server.http.context import UNMATCHED, RequestContext, route_of, with_whole_trace_state
from server.http.layers.middleware import CLIENT_GONE, METHODS

PROBES = ("/livez", "/readyz")
SERVER_ERROR = 500
ERROR = 400


class Outgoing:
    """The way back to the client; it notes the status."""

    __slots__ = ("_to_client", "status")

    def __init__(self, to_client: Send) -> None:
        self._to_client = to_client
        self.status = 0

    def send(self, message: Message) -> Awaitable[None]:
        """What ASGI asks for."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        return self._to_client(message)


class Traced:
    """Around all that makes an answer. Whoever comes after it finds its span where its client's was."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        outgoing, span = Outgoing(send), self._begin(scope)
        try:
            await self._app(scope, receive, outgoing.send)
        finally:
            if span.is_recording():
                _tell(span, scope["method"], scope, outgoing.status or CLIENT_GONE)
            span.end()

    def _begin(self, scope: Scope) -> Span:
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        attributes = {"http.request.method": method, "url.scheme": scope.get("scheme", "http")}
        sent = trace_headers(with_whole_trace_state(scope, dict(scope["headers"])))
        span = self._tracer.start_span(method, parent(sent), SpanKind.SERVER, attributes)
        others = [pair for pair in scope["headers"] if pair[0].decode("latin-1") not in NAMES]
        scope["headers"] = [*others, *((name.encode(), value.encode()) for name, value in carried(span).items())]
        scope["named_headers"] = dict(scope["headers"])
        return span


class TracedAttempt:
    """Around the addresses where a prediction, or a line of a batch, is computed after its request was answered."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: RequestContext = scope["context"]
        sent = {"traceparent": context.trace, "tracestate": context.trace_state}
        span = self._tracer.start_span("attempt", parent(sent), SpanKind.CONSUMER)
        goes_on = carried(span)
        context.trace, context.trace_state = goes_on["traceparent"], goes_on.get("tracestate", "")
        outgoing = Outgoing(send)
        try:
            await self._app(scope, receive, outgoing.send)
        except Problem as problem:
            outgoing.status, scope["problem"] = problem.status, problem.code
            raise
        finally:
            if span.is_recording():
                _tell(span, "attempt", scope, outgoing.status or SERVER_ERROR)
            span.end()


def _tell(span: Span, what: str, scope: Scope, status: int) -> None:
    """What became of it."""
    if (route := route_of(scope)) != UNMATCHED:
        span.update_name(f"{what} {route}")
        span.set_attribute("http.route", route)
    if status != CLIENT_GONE:
        span.set_attribute("http.response.status_code", status)
    if status >= ERROR or "problem" in scope:
        span.set_attribute("error.type", _error_type(scope, status))
    if status >= SERVER_ERROR or (status < ERROR and "problem" in scope):
        span.set_status(Status(StatusCode.ERROR))
    span.set_attributes(_known(scope["context"]))


def _error_type(scope: Scope, status: int) -> str:
    return "client_gone" if status == CLIENT_GONE else scope.get("problem", str(status))


def _known(context: RequestContext) -> Mapping[str, str | int]:
    records, failed = context.counts
    model, _, revision = context.model.decode("ascii").rpartition(", ")[2].partition("@")
    found: dict[str, str | int] = {"jitney.model": model, "jitney.revision": revision, "jitney.records": records}
    found |= {"jitney.failed_records": failed, "jitney.request_id": context.request_id.decode("ascii")}
    return {name: value for name, value in found.items() if value}
