"""No body that anybody may think of is answered by a crash, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.server.tei.several import several

pytestmark = pytest.mark.anyio

ODD: dict[str, Any] = {
    "empty": b"",
    "not UTF-8": b'{"inputs": "\xff"}',
    "half a pair": b'{"inputs": "\\ud800", "query": "\\ud800", "texts": ["\\ud800"], "documents": ["\\ud800"]}',
    "deep": b"[" * 5000,
    "a number": b"1",
    "null": b"null",
    "nulls": b'{"inputs": null, "query": null, "texts": null, "documents": null}',
    "of another kind": b'{"inputs": {"a": 1}, "query": ["a"], "texts": "a", "documents": {"a": "b"}}',
    "empty texts": b'{"inputs": "", "query": "", "texts": [""], "documents": [""]}',
    "blanks": b'{"inputs": " ", "query": " ", "texts": [" "], "documents": [" "]}',
    "a huge number": b'{"inputs": "a", "dimensions": 1e999, "query": "a", "documents": ["a"], "top_n": 1e999}',
    "below nothing": b'{"inputs": "a", "dimensions": -1, "query": "a", "documents": ["a"], "top_n": -1}',
    "twice": b'{"inputs": "a", "inputs": ["a"], "query": "a", "query": "b", "texts": ["a"], "documents": ["a"]}',
    "a NUL": b'{"inputs": "\\u0000", "query": "\\u0000", "texts": ["\\u0000"], "documents": ["\\u0000"]}',
}
ADDRESSES = ("/embed", "/predict", "/rerank", "/similarity", "/", "/v1/rerank", "/v2/rerank")


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
@pytest.mark.parametrize("path", [*ADDRESSES, *(f"/models/{one}" for one in ("compass", "judge", "open", "small"))])
async def test_no_body_is_answered_by_a_crash(path, body):
    async with several() as jitney:
        answer = await jitney.client.post(path, content=body, headers={"content-type": "application/json"})

        assert answer.status_code < 500 and (answer.status_code == 200 or answer.json()["detail"]), answer.text
