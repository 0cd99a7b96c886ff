"""A client that follows a large prediction has every row once and in order, whichever front end dies."""

from __future__ import annotations

import http.client
import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from tests.faults.kit.report import record
from tests.faults.kit.submissions import ASYNC, PATIENCE
from tests.faults.kit.traffic import PATH
from tests.integration.processes import HOST, FrontEnd
from tests.integration.stack import stack

SPEC = "synthetic:100ms+1ms"
TEXTS = [f"text {number}" for number in range(72)]
RECORDS = [{"id": text, "text": text} for text in TEXTS]
ROWS = [{"id": text, "index": at, "text": text[::-1]} for at, text in enumerate(TEXTS)]


def followed(front_end: FrontEnd, address: str, last: int = 0) -> Iterator[dict[str, Any]]:
    """Line after line, until the stream ends."""
    with closing(http.client.HTTPConnection(HOST, front_end.port, timeout=PATIENCE)) as connection:
        asked = {"Accept": "application/x-ndjson", "Last-Event-ID": str(last)}
        connection.request("GET", f"{address}/events", headers=asked)
        for line in connection.getresponse():
            yield json.loads(line)


def rows(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "index" in line]


def test_whoever_follows_has_each_row_once_though_two_front_ends_end() -> None:
    with stack(models=[SPEC], front_ends=3, max_batch_size=4) as system:
        owner, first, second = system.front_ends
        address = owner.post(PATH, {"payload": {"records": RECORDS}}, ASYNC).headers["location"]

        seen = []
        for line in followed(first, address):
            seen.append(line)
            if len(rows(seen)) == 1:
                owner.kill()
                first.popen.send_signal(signal.SIGTERM)
                since = time.monotonic()
        rest = []
        for line in followed(second, address, last=len(rows(seen))):
            rest.append(line)
            if len(rows(rest)) == 1:
                felt = time.monotonic() - since

    record("two front ends of a prediction that is followed end: until its next row", felt)
    assert "done" not in seen[-1]
    assert 0 < len(rows(seen)) < len(ROWS)
    assert rows(seen) + rows(rest) == ROWS
    assert (rest[-1]["done"], rest[-1]["status"], rest[-1]["failed"]) == (True, "succeeded", 0)
