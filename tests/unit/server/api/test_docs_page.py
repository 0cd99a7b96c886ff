"""The page /docs, as a browser shows it."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from server.api.described.docs import _page
from server.api.described.openapi import Live, document
from server.settings import ServerSettings
from tests.unit.server.stand_in import card

BROWSER = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-proxy-server",
    "--virtual-time-budget=20000",
    "--dump-dom",
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[str]:
    """The address of whatever is put into `tmp_path`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.skipif(BROWSER is None, reason="chromium shows the page")
def test_every_operation_of_the_document_is_on_the_page(folder: str, tmp_path: Path):
    told = document("1.0", ServerSettings(webhooks=True), Live([card("m2m", task="translation", languages=["en"])]))
    (tmp_path / "docs.html").write_text(_page())
    (tmp_path / "openapi.json").write_text(json.dumps(told))

    command = [str(BROWSER), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"{folder}/docs.html"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    assert shown.count("<details>") == sum(map(len, told["paths"].values()))
    assert "<th>Idempotency-Key</th><td>header</td>" in shown
