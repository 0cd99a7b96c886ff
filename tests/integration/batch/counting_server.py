"""A server that answers by rows, counts which texts it was asked for, and does what a test wants in between."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Refusal = tuple[int, dict[str, str], Any]  # status, headers, body


@dataclass(slots=True)
class Counted:
    """What it was asked. `refuse` may answer a request otherwise, given its texts and how many came before."""

    url: str = ""
    texts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    addresses: Counter[str] = field(default_factory=Counter)
    refuse: Callable[[list[str], int], Refusal | None] = lambda texts, before: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, body: Any, headers: dict[str, str]) -> Refusal:
        """Of an endpoint by records, or of one of OpenAI's."""
        if "payload" in body:
            return self.rows(body["payload"]["records"], headers)
        status, more, said = self.rows([{"id": 0, "text": body["input"]}], headers)
        return status, more, {"model": body.get("model"), "text": said["result"][0]["text"]} if status == 200 else said

    def rows(self, records: list[Any], headers: dict[str, str]) -> Refusal:
        texts = [record["text"] for record in records]
        with self.lock:
            self.headers = headers
            before = self.requests
            self.requests += bool(texts)
            refusal = self.refuse(texts, before) if texts else None
            if refusal is None:
                self.texts.update(texts)
        rows = [{"id": record["id"], "text": record["text"].upper()} for record in records]
        return refusal or (200, {}, {"result": rows})


@contextlib.contextmanager
def counting_server() -> Iterator[Counted]:
    """On a free port of this machine, in threads of this process."""
    counted = Counted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            named = {name.lower(): value for name, value in self.headers.items()}
            counted.addresses[self.path] += 1
            status, headers, said = counted.reply(body, named)
            data = json.dumps(said).encode()
            with contextlib.suppress(OSError):  # whoever asked may have been killed
                self.send_response(status)
                for name, value in {"content-length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    counted.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield counted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
