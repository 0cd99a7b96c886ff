"""A receiver of webhooks on loopback, which verifies them as others do: by the library of Standard Webhooks."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One try, as it came; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def verified(self, secret: str = SECRET) -> Any:
        """Its body. Raises `WebhookVerificationError` unless one of the signatures is that of this secret, and its time
        is now or minutes ago."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass(slots=True)
class LocalReceiver:
    """What came, and what is answered: these statuses, then 204 for ever. While `answers` is clear it says nothing."""

    server: ThreadingHTTPServer
    statuses: list[int]
    headers: Mapping[str, str]
    came: list[Delivered] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=private"


@contextmanager
def local_receiver(*statuses: int, headers: Mapping[str, str] | None = None) -> Iterator[LocalReceiver]:
    """It listens while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            named = {name.lower(): value for name, value in self.headers.items()}
            made.came.append(Delivered(path=self.path, headers=named, body=body))
            made.answers.wait(60.0)
            self.send_response(made.statuses.pop(0) if made.statuses else 204)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # the sender was killed
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made = LocalReceiver(server, list(statuses), headers or {})
        made.answers.set()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.answers.set()
            server.shutdown()
            thread.join()


def ids(came: Sequence[Delivered]) -> list[str]:
    return [one.headers["webhook-id"] for one in came]
