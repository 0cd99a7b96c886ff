"""Batches as fault tests see them, by the official client."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openai
from openai.types import Batch

from tests.faults.kit.models import PATH, recorded
from tests.integration.processes import FrontEnd
from tests.waiting import until

OPEN = ("validating", "in_progress", "finalizing", "cancelling")
LIMIT = 40.0  # seconds


def client_of(front_end: FrontEnd) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{front_end.url}/v1", api_key="none", max_retries=10)


def lines(count: int, endpoint: str = PATH) -> list[dict[str, Any]]:
    return [line(f"line-{number}", f"text {number}", endpoint) for number in range(count)]


def line(custom_id: str, text: str, endpoint: str = PATH) -> dict[str, Any]:
    body = {"payload": {"records": [{"id": custom_id, "text": text}]}}
    return {"custom_id": custom_id, "method": "POST", "url": endpoint, "body": body}


def created(front_end: FrontEnd, asked: Sequence[Any], *, window: Any = "24h", **further: Any) -> Batch:
    """A batch of these lines."""
    data = b"".join(json.dumps(one).encode() + b"\n" for one in asked)
    with client_of(front_end) as client:
        file = client.files.create(file=("in.jsonl", data), purpose="batch")
        endpoint: Any = asked[0]["url"]
        return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window=window, **further)


def found(front_end: FrontEnd, batch: Batch) -> Batch:
    with client_of(front_end) as client:
        return client.batches.retrieve(batch.id)


def ended(front_end: FrontEnd, batch: Batch) -> Batch:
    """It, once it has ended."""
    until(lambda: found(front_end, batch).status not in OPEN, "the batch has ended", within=LIMIT)
    return found(front_end, batch)


def is_under_way(front_end: FrontEnd, batch: Batch) -> bool:
    """Some of its lines are in the store, and some are not."""
    counts = found(front_end, batch).request_counts
    return counts is not None and 0 < counts.completed < counts.total


def rows(front_end: FrontEnd, id: str | None) -> list[dict[str, Any]]:
    """The lines of a file."""
    assert id is not None
    with client_of(front_end) as client:
        return [json.loads(row) for row in client.files.content(id).text.splitlines()]


def check_complete(front_end: FrontEnd, done: Batch, asked: Sequence[Any]) -> None:
    """Each line has its own answer, once, in the order of the input."""
    assert (done.status, done.error_file_id) == ("completed", None)
    answered = rows(front_end, done.output_file_id)
    assert [row["custom_id"] for row in answered] == [one["custom_id"] for one in asked]
    for one, row in zip(asked, answered, strict=True):
        (record,) = one["body"]["payload"]["records"]
        (result,) = row["response"]["body"]["result"]
        assert (result["id"], result["text"]) == (record["id"], record["text"][::-1])


def computed_again(log: Path) -> int:
    """How often the model got a text that it had had before."""
    times = Counter(text for batch in recorded(log) for text in batch)
    return sum(count - 1 for count in times.values())
