"""What is known of an HTTP request before it is read: its id, its time, its trace, and whom its answer will name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import Scope

from broker.messages import Allowance
from broker.tracing.context import TRACE_ID, traceparent_of, tracestate_of
from server.callers.caller import ANONYMOUS
from server.errors import Problem, headers, refusal
from server.http.addresses import Refuse

if TYPE_CHECKING:
    from server.cache.lookup import Lookup
    from server.history.history import Note
    from server.predictions.large.pump import Pump

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
UNMATCHED = "unmatched"  # never the raw path: anyone could make it a label


class RequestContext:
    """What the layers within know of a request, under `scope["context"]`."""

    __slots__ = (
        "allowances",
        "caller",
        "counts",
        "headers",
        "is_pinned",
        "is_shared",
        "lookup",
        "model",
        "note",
        "pump",
        "refuse",
        "request_id",
        "started",
        "time_left",
        "trace",
        "trace_state",
    )

    def __init__(self, request_id: bytes, started: float, headers: Mapping[bytes, bytes]) -> None:
        self.request_id = request_id
        self.started = started  # seconds, our own clock
        self.headers = headers  # of a name that comes twice the last
        self.trace = traceparent_of(headers)  # empty where there is none, or none that can be read
        self.trace_state = tracestate_of(headers) if self.trace else ""
        self.caller = ANONYMOUS
        self.allowances: Sequence[Allowance] = ()  # of its caller's policies, as the broker told them last
        self.model = b""  # name@revision, once one was chosen
        self.is_pinned = False  # it names a revision: no other may answer
        self.is_shared = False  # an operator has shared out its model's requests, so they are counted by revision
        self.lookup: Lookup | None = None  # what the cache knew of it; None: it was not asked
        self.counts = (0, 0)  # records that were answered, and those of them with an error
        self.time_left: float | None = None  # seconds that it may take whatever its headers say: of a prediction
        self.pump: Pump | None = None  # how the records of a prediction go out; None: all at once
        self.note: Note | None = None  # what the history will say of it; None: nothing is kept
        self.refuse: Refuse = refusal  # a dialect's own, once the route is known

    @property
    def meta(self) -> Mapping[str, str]:
        """What travels with its jobs: what names it in the log of whoever computes them, and its trace."""
        request_id = self.request_id.decode("ascii")
        if not self.trace and self.caller is ANONYMOUS:  # as nearly always
            return {"request_id": request_id}
        caller = "" if self.caller is ANONYMOUS else self.caller.id
        trace = {"traceparent": self.trace, "tracestate": self.trace_state}
        known = {"request_id": request_id, **trace, "caller": caller}
        return {name: value for name, value in known.items() if value}

    @property
    def identity(self) -> dict[str, str]:
        """What names it in the log: its id, its trace where it has one, and a caller's name."""
        found = {"request_id": self.request_id.decode("ascii")}
        if self.trace:
            found["trace_id"] = self.trace[TRACE_ID]
        if self.caller is not ANONYMOUS:
            found["caller"] = self.caller.id
        return found

    def refused(self, problem: Problem, further: Mapping[str, str] | None = None) -> Response:
        """What is sent in place of a result, with further headers than those of the problem."""
        shown = self.refuse(problem, self.request_id.decode("ascii"))
        response = Response(shown.body, status_code=shown.status)
        response.raw_headers = headers(problem, len(shown.body), shown.media_type, shown.status)
        response.raw_headers += [(name.lower().encode(), value.encode()) for name, value in (further or {}).items()]
        return response


def route_of(scope: Scope) -> str:
    """The template of the route that took this request."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def identity(scope: Scope) -> dict[str, str]:
    """What names a request in the log. Nothing before it came to the application."""
    context: RequestContext | None = scope.get("context")
    return {} if context is None else context.identity


def with_whole_trace_state(scope: Scope, headers: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """A `tracestate` may come in several parts, and a mapping has the last of them only."""
    parts = [value for name, value in scope["headers"] if name == b"tracestate"]
    return headers if len(parts) < 2 else {**headers, b"tracestate": b",".join(parts)}
