"""What a body asks for is seen without reading it by its schema; what cannot be seen counts as one job of no model."""

from __future__ import annotations

import pytest
from msgspec import Raw

from server.batches.input.bodies import asks_for


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(b'{"model": "minilm", "input": ["a", "b"]}', ("minilm", 2), id="OpenAI's"),
        pytest.param(b'{"input": "a"}', (None, 1), id="a text"),
        pytest.param(b'{"payload": {"model": "m", "records": [1, 2, 3], "labels": [1]}}', ("m", 3), id="ours"),
        pytest.param(b'{"payload": {"records": []}}', (None, 1), id="no records"),
        pytest.param(b'{"payload": 7}', (None, 1), id="a payload that is none"),
        pytest.param(b'{"model": ["x"], "input": []}', (None, 1), id="a model that is none"),
        pytest.param(b'{"input": [' + b"[" * 9_999, (None, 1), id="nested deeply, and open"),
        pytest.param(b"", (None, 1), id="nothing"),
    ],
)
def test_a_body_asks_for_a_model_and_as_many_jobs_as_its_longest_list_is_long(body, found):
    assert asks_for(Raw(body)) == found
