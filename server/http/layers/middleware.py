"""The outermost layer of the application: it gives every request its id and clock, and every failure its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from server.callers.limits import rate_limit_headers
from server.codecs.asker import ASKER
from server.errors import INTERNAL_DETAIL, ClientGone, Problem
from server.front_end import FrontEnd
from server.http.addresses import Addresses
from server.http.context import REQUEST_ID, RequestContext, identity, route_of, with_whole_trace_state
from server.http.refusing import Refusals
from server.ids import Ids

log = structlog.get_logger("server")

Identify = Callable[[Scope], None]
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
CLIENT_GONE = 499  # the client had gone, so no answer was sent; only metrics see this status


class Outgoing:
    """The way back to the client, with the headers that every answer has.

    Not part of the context: the server's `send` holds the scope, so a scope that held `send` would be a cycle. Only the
    garbage collector frees these, for a tenth of a second at a time under load.
    """

    __slots__ = ("_context", "_is_last", "_to_client", "status")

    def __init__(self, to_client: Send, context: RequestContext, *, is_last: bool) -> None:
        self._to_client = to_client
        self._context = context
        self._is_last = is_last
        self.status = 0  # until an answer begins

    def send(self, message: Message) -> Awaitable[None]:
        """What ASGI asks for."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers()]
        return self._to_client(message)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        context = self._context
        headers = [(b"x-request-id", context.request_id)]
        if self._is_last:
            headers.append((b"connection", b"close"))
        if context.model:
            headers.append((b"jitney-model", context.model))
        if context.lookup is not None and (status := context.lookup.status):
            headers.append((b"cache-status", status))
        if context.allowances:
            headers += rate_limit_headers(context.caller.policies, context.allowances)
        return headers


class RequestMiddleware:
    """Gives every request an id and a clock, counts its answer, and turns whatever is raised into one."""

    def __init__(self, addresses: Addresses, front_end: FrontEnd, identify: Identify | None = None) -> None:
        """`identify` tells the context who asks, or raises a `Problem`; None: nobody is asked."""
        self._identify = identify
        self._addresses = addresses
        self._front_end = front_end
        self._refusals = Refusals(front_end)
        self._metrics = front_end.metrics
        self._clock = front_end.clock
        self._ids = Ids()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._addresses.router(scope, receive, send)
            return
        headers = scope["named_headers"] if "named_headers" in scope else dict(scope["headers"])
        if b"tracestate" in headers:
            headers = with_whole_trace_state(scope, headers)
        scope["context"] = context = RequestContext(self._request_id(scope, headers), self._clock(), headers)
        ASKER.set(context)
        # While draining, clients are asked to open their next connection elsewhere: this one will be closed on them.
        outgoing = Outgoing(send, context, is_last=self._front_end.is_draining)
        try:
            endpoint = self._addresses.find(scope)
            if self._identify is not None:
                self._identify(scope)
            await endpoint(scope, receive, outgoing.send)
        except ClientGone:
            outgoing.status = CLIENT_GONE
        except Exception as error:
            await self._tell(error, scope, receive, outgoing)
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

    async def _tell(self, error: Exception, scope: Scope, receive: Receive, outgoing: Outgoing) -> None:
        """A refusal, or a 500 without internals, unless an answer has begun already: then the connection just ends."""
        if isinstance(error, (Problem, HTTPException)) and not outgoing.status:
            response = self._refusals.of(error, scope)
        else:
            log.exception("request crashed", **identity(scope), route=route_of(scope))
            scope["problem"] = "internal"
            self._metrics.refused("internal")
            response = scope["context"].refused(Problem("internal", INTERNAL_DETAIL))
        if not outgoing.status:
            await response(scope, receive, outgoing.send)
        error.__traceback__ = None  # one that is raised again and again would gather those of all requests
