"""What is sent to /v1/files and /v1/batches."""

from __future__ import annotations

import json

import pytest
from starlette.requests import Request

from benchmarks.batches.api import BOUNDARY, expect, input_file, multipart
from benchmarks.batches.contract import NotMeasured
from benchmarks.lib.http_client import Reply

pytestmark = pytest.mark.anyio


def test_a_line_of_the_input_is_a_request_called_by_its_place():
    first, second = input_file("/models/card", [b'{"a": 1}', b'{"a": 2}']).splitlines()

    assert json.loads(first) == {"custom_id": "0", "method": "POST", "url": "/models/card", "body": {"a": 1}}
    assert (json.loads(second)["custom_id"], json.loads(second)["body"]) == ("1", {"a": 2})


async def test_the_form_is_one_that_servers_read():
    body = multipart(b"one\ntwo\n")

    async def receive():
        return {"type": "http.request", "body": body}

    headers = [(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())]
    async with Request({"type": "http", "method": "POST", "headers": headers}, receive).form() as form:
        assert (form["purpose"], await form["file"].read()) == ("batch", b"one\ntwo\n")


def test_a_reply_with_another_status_says_what_the_server_said():
    with pytest.raises(NotMeasured, match="answered 400, not 200: no such file"):
        expect(200, Reply(400, b"", b"no such file"))
