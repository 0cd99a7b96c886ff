"""What is known of an HTTP request before it is read, and the outermost layer that gives it that: id, clock, trace."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.messages import NO_META
from server.errors import INTERNAL_DETAIL, ClientGone, Problem, Refusal, headers, refusal
from server.front_end import FrontEnd
from server.ids import Ids

if TYPE_CHECKING:
    from server.predictions.large.pump import Pump

log = structlog.get_logger("server")

Refuse = Callable[[Problem, str], Refusal]  # with the request's id
NO_FLAVOURS: Mapping[str, Refuse] = {}

# W3C Trace Context. Of a version after 00, which may be longer, the part is used that 00 has as well.
TRACEPARENT = re.compile(
    rb"(?:00(?!.{54})|(?!00|ff)[0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?"
)
TRACE_ID = slice(3, 35)  # of a traceparent
ANONYMOUS = "anonymous"  # the caller whose request came without a key
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
CLIENT_GONE = 499  # the client had gone, so no answer was sent; only metrics see this status
UNMATCHED = "unmatched"  # never the raw path: anyone could make it a label


class RequestContext:
    """What the layers within know of a request, under `scope["context"]`."""

    __slots__ = (
        "caller",
        "counts",
        "headers",
        "model",
        "pump",
        "refuse",
        "request_id",
        "started",
        "time_left",
        "trace",
    )

    def __init__(self, request_id: bytes, started: float, headers: Mapping[bytes, bytes]) -> None:
        self.request_id = request_id
        self.started = started  # seconds, our own clock
        self.headers = headers  # of a name that comes twice the last
        self.trace = _trace(headers)  # its traceparent; empty where there is none, or none that can be read
        self.caller = ANONYMOUS
        self.model = b""  # name@revision, once one was chosen
        self.counts = (0, 0)  # records that were answered, and those of them with an error
        self.time_left: float | None = None  # seconds that it may take whatever its headers say: of a prediction
        self.pump: Pump | None = None  # how the records of a prediction go out; None: all at once
        self.refuse: Refuse = refusal  # a dialect's own, once the route is known

    @property
    def meta(self) -> Mapping[str, str]:
        """What travels with its jobs. Nearly always nothing, which is one mapping for all requests."""
        if not self.trace and self.caller == ANONYMOUS:
            return NO_META
        known = {"traceparent": self.trace, "caller": "" if self.caller == ANONYMOUS else self.caller}
        return {name: value for name, value in known.items() if value}

    def refused(self, problem: Problem, further: Mapping[str, str] | None = None) -> Response:
        """What is sent in place of a result, with further headers than those of the problem."""
        shown = self.refuse(problem, self.request_id.decode("ascii"))
        response = Response(shown.body, status_code=shown.status)
        response.raw_headers = headers(problem, len(shown.body), shown.media_type)
        response.raw_headers += [(name.lower().encode(), value.encode()) for name, value in (further or {}).items()]
        return response


class Outgoing:
    """The way back to the client, with the headers that every answer has.

    Not part of the context: the server's `send` holds the scope, so a scope that held `send` would be a cycle. Only the
    garbage collector frees these, for a tenth of a second at a time under load.
    """

    __slots__ = ("context", "headers", "status", "to_client")

    def __init__(self, to_client: Send, context: RequestContext, *, is_last: bool) -> None:
        self.to_client = to_client
        self.context = context
        self.headers = [(b"x-request-id", context.request_id)]
        if is_last:
            self.headers.append((b"connection", b"close"))
        self.status = 0  # until an answer begins

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.context.model:
                self.headers.append((b"jitney-model", self.context.model))
            message["headers"] = [*message["headers"], *self.headers]
            self.status = message["status"]
        await self.to_client(message)


class RequestMiddleware:
    """Gives every request an id and a clock, counts its answer, and turns whatever nobody expected into a 500."""

    def __init__(self, app: ASGIApp, front_end: FrontEnd, flavours: Mapping[str, Refuse] = NO_FLAVOURS) -> None:
        """`flavours`: how all addresses below a prefix refuse, those that lead nowhere too."""
        self._app = app
        self._front_end = front_end
        self._flavours = tuple(flavours.items())
        self._metrics = front_end.metrics
        self._clock = front_end.clock
        self._ids = Ids()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        scope["context"] = context = RequestContext(self._request_id(scope, headers), self._clock(), headers)
        for prefix, refuse in self._flavours:
            if scope["path"].startswith(prefix):
                context.refuse = refuse
        # While draining, clients are asked to open their next connection elsewhere: this one will be closed on them.
        outgoing = Outgoing(send, context, is_last=self._front_end.is_draining)
        try:
            await self._app(scope, receive, outgoing.send)
        except ClientGone:
            outgoing.status = CLIENT_GONE
        except Exception:
            log.exception("request crashed", **identity(scope), route=route_of(scope))
            await self._apologise(scope, receive, outgoing)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            self._metrics.answered(route_of(scope), method, outgoing.status, self._clock() - context.started)

    def _request_id(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bytes:
        """The client's id if it is a plain one (the first of several), else a new one."""
        if b"x-request-id" in headers:
            sent: bytes = next(value for name, value in scope["headers"] if name == b"x-request-id")
            if REQUEST_ID.fullmatch(sent):
                return sent
        return self._ids.take().encode("ascii")

    async def _apologise(self, scope: Scope, receive: Receive, outgoing: Outgoing) -> None:
        """A 500 without internals, unless an answer has begun already: then the connection just ends."""
        self._metrics.refused("internal")
        if not outgoing.status:
            await outgoing.context.refused(Problem("internal", INTERNAL_DETAIL))(scope, receive, outgoing.send)


def route_of(scope: Scope) -> str:
    """The template of the route that took this request."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def identity(scope: Scope) -> dict[str, str]:
    """What names a request in the log: its id, the trace it belongs to if its client said so, and a caller's name."""
    context: RequestContext = scope["context"]
    found = {"request_id": context.request_id.decode("ascii")}
    if context.trace:
        found["trace_id"] = context.trace[TRACE_ID]
    if context.caller != ANONYMOUS:
        found["caller"] = context.caller
    return found


def _trace(headers: Mapping[bytes, bytes]) -> str:
    sent = headers.get(b"traceparent")
    read = TRACEPARENT.fullmatch(sent) if sent is not None else None
    return f"00{read[1].decode('ascii')}" if read else ""
