"""Results are kept small, and come back byte for byte."""

from __future__ import annotations

import json
import random
import threading

import msgspec
import pytest

from server.predictions import stored
from server.predictions.stored import DEFLATED, LARGE, Answer, answer_from, answer_to_bytes, read_answer, write_answer

pytestmark = pytest.mark.anyio
TEXT = json.dumps({"result": [{"id": at, "text": f"text number {at * 7919}"} for at in range(3_000)]}).encode()


def answer(body: bytes) -> Answer:
    return Answer(status=200, media_type="application/json", body=body, timing="queue;dur=1", model="echo@r1")


@pytest.mark.parametrize("size", [0, 1, DEFLATED, DEFLATED + 1, LARGE, LARGE + 1, len(TEXT)])
async def test_an_answer_comes_back_as_it_was(size: int) -> None:
    kept = await write_answer(answer(TEXT[:size]))

    assert await read_answer(kept) == answer_from(kept) == answer(TEXT[:size])


def test_a_large_one_is_kept_in_half_its_bytes_and_a_short_one_as_it_is() -> None:
    large, short = answer(TEXT), answer(TEXT[:DEFLATED])

    assert len(answer_to_bytes(large)) < len(TEXT) / 2
    assert TEXT[:DEFLATED] in answer_to_bytes(short)


def test_what_would_grow_is_kept_as_it_is() -> None:
    noise = random.Random(1).randbytes(2 * DEFLATED)

    assert noise in answer_to_bytes(answer(noise))


async def test_no_request_waits_while_a_large_one_is_deflated(monkeypatch: pytest.MonkeyPatch) -> None:
    by, real = [], stored.answer_to_bytes

    def noted(one: Answer) -> bytes:
        by.append(threading.current_thread() is threading.main_thread())
        return real(one)

    monkeypatch.setattr(stored, "answer_to_bytes", noted)
    for size in (LARGE, LARGE + 1):
        await write_answer(answer(TEXT[:size]))

    assert by == [True, False]


def test_one_that_was_kept_before_results_were_deflated_is_read_too() -> None:
    before = {"status": 200, "media_type": "application/json", "body": TEXT, "timing": "", "model": "echo@r1"}

    assert answer_from(msgspec.msgpack.encode(before)).body == TEXT
