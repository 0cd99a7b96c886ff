"""What is known of an HTTP request before it is read: its id, its time, its trace, and whom its answer will name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import Scope

from broker.messages import NO_META, Allowance
from server.callers.caller import ANONYMOUS
from server.errors import Problem, headers, refusal
from server.http.addresses import Refuse

if TYPE_CHECKING:
    from server.history.history import Note
    from server.predictions.large.pump import Pump

# W3C Trace Context. Of a version after 00, which may be longer, the part is used that 00 has as well.
TRACEPARENT = re.compile(
    rb"(?:00(?!.{54})|(?!00|ff)[0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?"
)
TRACE_ID = slice(3, 35)  # of a traceparent
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
UNMATCHED = "unmatched"  # never the raw path: anyone could make it a label


class RequestContext:
    """What the layers within know of a request, under `scope["context"]`."""

    __slots__ = (
        "allowances",
        "cache_status",
        "caller",
        "counts",
        "headers",
        "model",
        "note",
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
        self.allowances: Sequence[Allowance] = ()  # of its caller's policies, as the broker told them last
        self.model = b""  # name@revision, once one was chosen
        self.cache_status = b""  # as the header of this name has it; empty: no cache was asked
        self.counts = (0, 0)  # records that were answered, and those of them with an error
        self.time_left: float | None = None  # seconds that it may take whatever its headers say: of a prediction
        self.pump: Pump | None = None  # how the records of a prediction go out; None: all at once
        self.note: Note | None = None  # what the history will say of it; None: nothing is kept
        self.refuse: Refuse = refusal  # a dialect's own, once the route is known

    @property
    def meta(self) -> Mapping[str, str]:
        """What travels with its jobs. Nearly always nothing, which is one mapping for all requests."""
        if not self.trace and self.caller is ANONYMOUS:
            return NO_META
        known = {"traceparent": self.trace, "caller": "" if self.caller is ANONYMOUS else self.caller.id}
        return {name: value for name, value in known.items() if value}

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
    """What names a request in the log: its id, the trace it belongs to if its client said so, and a caller's name."""
    context: RequestContext = scope["context"]
    found = {"request_id": context.request_id.decode("ascii")}
    if context.trace:
        found["trace_id"] = context.trace[TRACE_ID]
    if context.caller is not ANONYMOUS:
        found["caller"] = context.caller.id
    return found


def _trace(headers: Mapping[bytes, bytes]) -> str:
    sent = headers.get(b"traceparent")
    read = TRACEPARENT.fullmatch(sent) if sent is not None else None
    return f"00{read[1].decode('ascii')}" if read else ""
