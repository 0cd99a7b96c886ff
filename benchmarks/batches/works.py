"""Large pieces of work: one prediction of many records, one batch of many lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from benchmarks.batches.api import BatchApi, expect
from benchmarks.batches.kill import LIMIT, NAME
from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient, Returned
from benchmarks.lib.stack import Child

PATH = f"/models/{NAME}"


class LargePrediction:
    """In the bulk lane."""

    title = "a prediction"

    def submit(self, front_end: Child, texts: list[str]) -> str:
        return _run(self._submit(front_end, texts))

    def answers(self, front_end: Child, id: str) -> list[Any] | None:
        return _run(self._answers(front_end, id))

    async def _submit(self, front_end: Child, texts: list[str]) -> str:
        with HttpClient(front_end.url) as client:
            sent = client.request(PATH, envelope(texts), lane="bulk", prefer="respond-async")
            reply = expect(202, await client.send(sent))
            return reply.header(b"location").decode("ascii").rpartition("/")[2]

    async def _answers(self, front_end: Child, id: str) -> list[Any] | None:
        with HttpClient(front_end.url) as client:
            reply = await client.send(client.get(f"/predictions/{id}/result?wait=1"))
        if reply.status == 202:
            return None
        records = json.loads(expect(200, reply).body)["result"]
        return [record.get("text") for record in records]


class FileBatch:
    """A record a line."""

    title = "a batch of /v1/batches"

    def submit(self, front_end: Child, texts: list[str]) -> str:
        return _run(self._submit(front_end, texts))

    def answers(self, front_end: Child, id: str) -> list[Any] | None:
        return _run(self._answers(front_end, id))

    async def _submit(self, front_end: Child, texts: list[str]) -> str:
        with HttpClient(front_end.url) as client:
            return await BatchApi(client).start(PATH, [envelope([text]) for text in texts])

    async def _answers(self, front_end: Child, id: str) -> list[Any] | None:
        with HttpClient(front_end.url) as client:
            api = BatchApi(client)
            batch = await api.batch(id)
            if batch["status"] in ("validating", "in_progress", "finalizing"):
                return None
            lines = await api.content(batch["output_file_id"])
        return [line["response"]["body"]["result"][0].get("text") for line in lines]


def _run(asked: Coroutine[Any, Any, Returned]) -> Returned:
    return asyncio.run(asyncio.wait_for(asked, LIMIT))
