"""The ports of a front end: requests on one, metrics on another."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from server.collector import collectors
from server.front_end import FrontEnd
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
