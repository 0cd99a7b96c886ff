"""A server that says of itself, in a valid way, that it has crashed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar


class Crashing(BaseHTTPRequestHandler):
    """Its /translate does nothing else."""

    document: ClassVar = {
        "openapi": "3.1.0",
        "info": {"title": "crashes", "version": "1"},
        "paths": {"/translate": {"post": {"responses": {"500": {"description": "whatever it is"}}}}},
    }

    def do_GET(self) -> None:
        self.answer(200, self.document)

    def do_POST(self) -> None:
        self.answer(500, {"code": "internal"})

    def answer(self, status: int, what: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(what, separators=(",", ":")).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def crashing() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Crashing) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
