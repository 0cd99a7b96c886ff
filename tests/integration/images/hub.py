"""A hub of models on this machine: as much of its HTTP as a download takes, with one model."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.integration.images.dockerfile import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = ROOT / "demo" / "classification"  # as team/labels
NOT_READ = "model.onnx"  # which the hub has, and no batcher reads


class Hub(http.server.BaseHTTPRequestHandler):
    """Which files there are, and each of them."""

    model: Path

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        sizes = {one.name: one.stat().st_size for one in self.model.iterdir()} | {NOT_READ: 1}
        if path == f"/api/models/team/labels/revision/{COMMIT}":
            siblings = [{"rfilename": name} for name in sizes]
            body = json.dumps({"id": "team/labels", "sha": COMMIT, "siblings": siblings}).encode()
        elif path.startswith(f"/api/models/team/labels/tree/{COMMIT}"):
            tree = [{"type": "file", "path": name, "size": size, "oid": "0" * 40} for name, size in sizes.items()]
            body = json.dumps(tree).encode()
        elif path.startswith(f"/team/labels/resolve/{COMMIT}/"):
            body = (self.model / path.rpartition("/")[2]).read_bytes()
        else:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
        return None

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def hub(model: Path = MODEL) -> Iterator[str]:
    """Its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("OfModel", (Hub,), {"model": model}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
