"""Large pieces of work: one prediction of many records, one batch of many lines."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.batches.api import BatchApi, expect
from benchmarks.batches.kill import NAME
from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import HttpClient

PATH = f"/models/{NAME}"


class LargePrediction:
    """In the bulk lane."""

    title = "a prediction"

    async def submit(self, client: HttpClient, texts: list[str]) -> str:
        sent = client.request(PATH, envelope(texts), lane="bulk", prefer="respond-async")
        reply = expect(202, await client.send(sent))
        return reply.header(b"location").decode("ascii").rpartition("/")[2]

    async def answers(self, client: HttpClient, id: str) -> list[Any] | None:
        reply = await client.send(client.get(f"/predictions/{id}/result?wait=1"))
        if reply.status == 202:
            return None
        records = json.loads(expect(200, reply).body)["result"]
        return [record.get("text") for record in records]


class FileBatch:
    """A record a line."""

    title = "a batch of /v1/batches"

    async def submit(self, client: HttpClient, texts: list[str]) -> str:
        return await BatchApi(client).start(PATH, [envelope([text]) for text in texts])

    async def answers(self, client: HttpClient, id: str) -> list[Any] | None:
        api = BatchApi(client)
        batch = await api.batch(id)
        if batch["status"] in ("validating", "in_progress", "finalizing"):
            return None
        lines = await api.content(batch["output_file_id"])
        return [line["response"]["body"]["result"][0].get("text") for line in lines]
