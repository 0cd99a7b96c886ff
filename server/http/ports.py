"""The ports of a front end: requests on one, metrics on another."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from broker.common.version import jitney_version
from server.front_end import FrontEnd
from server.metrics import FrontEndCollector
from server.settings import ServerSettings

BACKLOG = 2048  # connections that wait to be accepted


class PortTaken(Exception):
    """This address cannot be listened on; the message says what to change."""


@contextmanager
def listening(settings: ServerSettings) -> Iterator[socket.socket]:
    """A socket bound to the configured address. Raises `PortTaken`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with _explained(settings.host, settings.port, "--port"):
            listener.bind((settings.host, settings.port))
            listener.listen(BACKLOG)  # here and not in uvicorn: only this fails where another process listens already
        yield listener


@contextmanager
def metrics_served(front_end: FrontEnd) -> Iterator[None]:
    """`/metrics` is answered by a thread of its own while the `with` lasts. Raises `PortTaken`."""
    host, port = front_end.settings.host, front_end.settings.metrics_port
    if not port:
        yield
        return
    with _explained(host, port, "--metrics-port (0 switches it off)"):
        server, thread = start_http_server(port, host, collectors(front_end))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def collectors(front_end: FrontEnd) -> CollectorRegistry:
    """What this front end counts, and what its process costs."""
    found = CollectorRegistry()
    found.register(FrontEndCollector(front_end.metrics, jitney_version(), lambda: current(front_end)))
    ProcessCollector(registry=found)
    return found


def current(front_end: FrontEnd) -> Iterator[Metric]:
    """What is read when it is asked for, and not counted."""
    pending, is_up = front_end.pending, not front_end.tasks.breaker.is_open
    yield GaugeMetricFamily("jitney_requests_waiting", "Requests that wait for outcomes", len(pending))
    held = front_end.bytes_in_hand.held
    yield GaugeMetricFamily("jitney_bytes_in_hand", "Bytes of requests that arrive, are in work or go out", held)
    yield GaugeMetricFamily("jitney_broker_up", "1 while the broker answers", float(is_up))
    yield GaugeMetricFamily("jitney_draining", "1 between SIGTERM and the end", float(front_end.is_draining))
    yield CounterMetricFamily("jitney_outcomes_unclaimed", "Outcomes nobody waited for any more", pending.unclaimed)


@contextmanager
def _explained(host: str, port: int, flag: str) -> Iterator[None]:
    """What the system says about an address, with the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            said = f"port {port} on {host} is taken: stop what listens there, or choose another with {flag}"
        else:
            said = f"cannot listen on {host}:{port} ({error.strerror}): choose another address with --host and {flag}"
        raise PortTaken(said) from error
