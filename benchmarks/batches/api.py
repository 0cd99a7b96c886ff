"""/v1/files and /v1/batches as their clients use them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from benchmarks.batches.contract import NotMeasured
from benchmarks.lib.http_client import HttpClient, Reply

BOUNDARY = "batches-boundary"


class BatchApi:
    """Of one front end. Every method raises `OSError` and `NotMeasured`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def start(self, endpoint: str, bodies: Iterable[bytes]) -> str:
        """The id of a batch of these requests, called by their places."""
        file = await self._upload(input_file(endpoint, bodies))
        asked = {"input_file_id": file, "endpoint": endpoint, "completion_window": "24h"}
        return str((await self._post("/v1/batches", json.dumps(asked).encode()))["id"])

    async def batch(self, id: str) -> dict[str, Any]:
        """Its document."""
        return _read(await self._client.send(self._client.get(f"/v1/batches/{id}")))

    async def cancel(self, id: str) -> None:
        """Have it ended with what there is."""
        await self._post(f"/v1/batches/{id}/cancel", b"")

    async def content(self, file: str) -> list[dict[str, Any]]:
        """The lines of a file."""
        reply = expect(200, await self._client.send(self._client.get(f"/v1/files/{file}/content")))
        return [json.loads(line) for line in reply.body.splitlines()]

    async def _upload(self, content: bytes) -> str:
        body = multipart(content)
        sent = self._client.request("/v1/files", body, f"multipart/form-data; boundary={BOUNDARY}")
        return str(_read(await self._client.send(sent))["id"])

    async def _post(self, path: str, body: bytes) -> dict[str, Any]:
        return _read(await self._client.send(self._client.request(path, body)))


def input_file(endpoint: str, bodies: Iterable[bytes]) -> bytes:
    """A request a line; `bodies` are JSON without a line end in it."""
    head = '{"custom_id": "%d", "method": "POST", "url": "%s", "body": '
    lines = ((head % (number, endpoint)).encode() + body + b"}\n" for number, body in enumerate(bodies))
    return b"".join(lines)


def multipart(content: bytes) -> bytes:
    """The form that brings a file whose purpose is a batch."""
    parts = [
        ('form-data; name="purpose"', b"batch"),
        ('form-data; name="file"; filename="in.jsonl"', content),
    ]
    shown = (
        f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + value + b"\r\n"
        for disposition, value in parts
    )
    return b"".join(shown) + f"--{BOUNDARY}--\r\n".encode()


def expect(status: int, reply: Reply) -> Reply:
    """The reply, which has this status. Raises `NotMeasured`."""
    if reply.status != status:
        raise NotMeasured(f"answered {reply.status}, not {status}: {reply.body[:300].decode(errors='replace')}")
    return reply


def _read(reply: Reply) -> dict[str, Any]:
    return dict(json.loads(expect(200, reply).body))
