"""A collector of spans on loopback: it takes OTLP over HTTP, and reads the protobuf as others do."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVER, CLIENT, CONSUMER = 2, 3, 5
OK_PATH = "/v1/traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span as it came; ids in hexadecimal digits, times in seconds."""

    name: str
    service: str
    trace: str
    id: str
    parent: str
    kind: int
    start: float
    end: float
    attributes: Mapping[str, Any]
    links: Sequence[tuple[str, str]]  # trace, span
    is_error: bool
    state: str

    @property
    def place(self) -> tuple[str, str]:
        """What a link to it says."""
        return self.trace, self.id


@dataclass(slots=True)
class Collector:
    """What came."""

    server: ThreadingHTTPServer
    spans: list[Span] = field(default_factory=list)
    resources: list[Mapping[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        """One export."""
        self.bodies.append(body)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _read(of_resource.resource.attributes)
            self.resources.append(resource)
            self.spans += [_span(one, resource) for scope in of_resource.scope_spans for one in scope.spans]


@contextmanager
def collector() -> Iterator[Collector]:
    """It listens while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_fine = (self.path, self.headers["content-type"]) == (OK_PATH, "application/x-protobuf")
            if is_fine:
                made.take(body)
            self.send_response(200 if is_fine else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made = Collector(server)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def _span(one: Any, resource: Mapping[str, Any]) -> Span:
    return Span(
        name=one.name,
        service=resource["service.name"],
        trace=one.trace_id.hex(),
        id=one.span_id.hex(),
        parent=one.parent_span_id.hex(),
        kind=one.kind,
        start=one.start_time_unix_nano / 1e9,
        end=one.end_time_unix_nano / 1e9,
        attributes=_read(one.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in one.links],
        is_error=one.status.code == one.status.STATUS_CODE_ERROR,
        state=one.trace_state,
    )


def _read(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}
