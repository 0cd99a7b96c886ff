"""What clients send stays out of every log, whatever goes wrong. For passwords see test_secrets.py."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from broker.messages import Lane
from tests.faults.kit.oracle import KEYS
from tests.integration.stack import Stack, stack
from tests.waiting import until

TEXT = "confidential-words"  # a client's
PATH = "/models/synthetic"


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=["synthetic:1ms,faults=on"], log_level="debug") as made:
        yield made


def body(*texts: object, id: str = "1") -> bytes:
    return json.dumps({"payload": {"records": [{"id": id, "text": text} for text in texts]}}).encode()


FAILING = {
    "a text that is a list": body([TEXT]),
    "not JSON": body(TEXT)[:-5],
    "a lone surrogate": body(TEXT + "\ud800"),
    "the model raises": body("!raise", TEXT, id=TEXT),
    "the model gives too few": body("!short", TEXT),
    "it expires": body(TEXT),
    "it is answered": body(TEXT),
}


@pytest.mark.parametrize("what", list(FAILING))
def test_what_a_client_sent_is_in_no_line_however_it_ends(system: Stack, what: str) -> None:
    limit = {"X-Request-Timeout": "0.001"} if what == "it expires" else {}

    system.post(PATH, FAILING[what], limit)

    assert TEXT not in system.outputs()
    assert TEXT[::-1] not in system.outputs()


def test_what_is_no_job_of_ours_is_named_by_its_id_alone(system: Stack) -> None:
    (model,) = (key.decode() for key in system.redis.hkeys(KEYS.cards))
    queue = KEYS.queue(model, Lane.INTERACTIVE)
    now = int(time.time() * 1000)
    job = f"1si0{1:07d}{now:013d}{now + 60_000:013d}{'f' * 16}{'a' * 32}".encode() + TEXT.encode()

    system.redis.rpush(queue, job)
    until(lambda: not system.redis.exists(queue), "it is claimed")
    system.post(PATH, body("next"))

    assert TEXT not in system.outputs()
