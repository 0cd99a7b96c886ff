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
ODD |= {
    "odd instances": b'{"instances": [null]}',
    "empty instances": b'{"instances": [{}, {"text": null}, {"b64": "a"}]}',
    "no shape": b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [], "data": []}]}',
    "a negative shape": b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1], "data": ["0"]}]}',
    "nothing in it": b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [0], "data": []}]}',
    "a negative size": b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "parameters": '
    b'{"binary_data_size": -1}}]}',
}
MODELS = ("compass", "judge", "open", "small", "ranker", "echo")
ADDRESSES = ("/embed", "/predict", "/rerank", "/similarity", "/", "/v1/rerank", "/v2/rerank", "/invocations")
NAMED = ("/models/{}", "/v2/models/{}/infer", "/v1/models/{}:predict")
MODELS = ("compass", "judge", "open", "small", "ranker", "echo")
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("path", [*ADDRESSES, *(place.format(model) for place in NAMED for model in MODELS)])
async def test_no_body_is_answered_by_a_crash(path):
    async with several() as jitney:
        answers = {name: await jitney.client.post(path, content=body, headers=JSON) for name, body in ODD.items()}

        assert {name: answer.text for name, answer in answers.items() if answer.status_code >= 500} == {}
        assert all(answer.status_code == 200 or answer.json()["detail"] for answer in answers.values())
