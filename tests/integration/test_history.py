"""The history from a request to the broker's list, on real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from broker.history.contract import MOST_BYTES
from broker.history.hashing import SECRET, hash_secret_from, input_hash
from broker.history.rows import HistoryRow, rows_of
from broker.keys import Keys
from tests.integration.processes import FrontEnd
from tests.integration.stack import NAMESPACE, Stack, stack
from tests.waiting import until

KEYS = Keys(NAMESPACE)
PATH = "/models/synthetic"
WORD = "zanzibar"  # of whoever's text nothing may be found
KEY = "a secret of sufficient length"


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    models = [
        "synthetic:1ms+0.1ms,faults=on",
        "synthetic:800ms+1ms,name=slow",
        "tests.integration.toy_embedders:Thirds",
    ]
    with stack(models=models, history="on", drain_seconds=0.1) as made:
        yield made


@pytest.fixture(autouse=True)
def empty(system: Stack) -> None:
    time.sleep(0.15)  # what the test before has left is brought by then
    system.redis.delete(KEYS.history, KEYS.history_state)


def body(*texts: str, **fields: Any) -> dict[str, Any]:
    return {"payload": {"records": [{"id": "1", "text": text} for text in texts], **fields}}


def rows(system: Stack, count: int) -> list[HistoryRow]:
    """Those that the broker has; so many are waited for."""

    def found() -> list[HistoryRow]:
        return [row for block in system.redis.lrange(KEYS.history, 0, -1) for row in rows_of(block)]  # type: ignore[union-attr]

    until(lambda: len(found()) >= count, f"{count} rows are there")
    time.sleep(0.15)
    assert len(found()) == count
    return found()


def test_a_row_says_what_became_of_each_record_and_nothing_of_its_text(system: Stack) -> None:
    before = time.time()
    system.post(PATH, body(f"{WORD} one", "!raise", f"{WORD} two"), {"X-Request-ID": "mine", "Jitney-Lane": "bulk"})

    found = rows(system, 3)

    assert [(one.status, one.code) for one in found] == [(200, ""), (500, "model_error"), (200, "")]
    assert len({one.id for one in found}) == 3
    [first, *_] = found
    assert before - 1 <= first.at / 1e6 <= time.time() + 1
    assert (first.request_id, first.lane, first.caller) == ("mine", "bulk", "")
    assert first.model == "synthetic" and first.revision and first.task
    assert first.cost > 0 and first.batch_size > 0 and first.compute > 0.0
    assert (first.input, first.input_hash) == ("", b"")
    assert WORD.encode() not in b"".join(system.redis.lrange(KEYS.history, 0, -1))  # type: ignore[arg-type]


def test_of_a_vector_its_length_is_kept(system: Stack) -> None:
    assert system.post("/models/thirds", body("a")).status == 200

    [row] = rows(system, 1)

    assert json.loads(row.output) == {"embedding": 3}


def test_a_stream_is_noted_as_it_is_sent(system: Stack) -> None:
    system.post(PATH, body("one", "!raise", "two"), {"Accept": "application/x-ndjson"})

    assert sorted(one.status for one in rows(system, 3)) == [200, 200, 500]


def test_a_request_that_is_refused_as_a_whole_is_noted_with_its_code(system: Stack) -> None:
    reply = system.post("/models/slow", body("a", "b"), {"X-Request-Timeout": "0.4"})
    assert reply.status == 504

    assert [(one.status, one.code) for one in rows(system, 2)] == [(504, "expired")] * 2


def test_a_prediction_is_noted_once(system: Stack) -> None:
    reply = system.post(PATH, body("a", "b"), {"Prefer": "respond-async"})
    assert reply.status == 202

    assert [one.status for one in rows(system, 2)] == [200, 200]


def test_rows_in_the_ring_are_brought_at_the_end(system: Stack) -> None:
    ending = system.start_front_end(history="on", drain_seconds=0.0)
    until(lambda: ending.post(PATH, body("a")).status == 200, "it answers")
    rows(system, 1)
    for _ in range(3):
        ending.post(PATH, body("a"))
    assert ending.stop() == 0

    rows(system, 4)


@pytest.mark.parametrize("inputs", ["hash", "full"])
def test_inputs_are_kept_as_far_as_one_wants(system: Stack, inputs: str) -> None:
    front_end = system.start_front_end(history="on", history_inputs=inputs, drain_seconds=0.0, **{SECRET: KEY})
    until(lambda: front_end.post(PATH, body(WORD)).status == 200, "it answers")

    [row] = rows(system, 1)
    front_end.stop()

    secret = hash_secret_from({SECRET: KEY})
    assert secret is not None
    assert row.input_hash == input_hash(secret, WORD)
    assert row.input == (WORD if inputs == "full" else "")
    assert (WORD in row.output.decode() or b"text" in row.output) == (inputs == "full")
    assert KEY not in front_end.stderr()


def test_hashes_without_a_secret_are_refused_at_the_start(system: Stack) -> None:
    front_end: FrontEnd = system.start_front_end(history="on", history_inputs="hash", wait=False)

    assert front_end.wait() == 2
    assert "openssl rand -hex 32" in front_end.stderr()


def test_a_full_list_and_no_history_at_all_cost_no_request(system: Stack) -> None:
    system.redis.rpush(KEYS.history, b"x")
    system.redis.hset(KEYS.history_state, "bytes", MOST_BYTES)

    assert [system.post(PATH, body("a")).status for _ in range(5)] == [200] * 5

    assert "jitney_history_rows_waiting" in system.front_ends[0].metrics()
    until(lambda: "jitney_history_rows_waiting 5.0" in system.front_ends[0].metrics(), "five wait")
    system.redis.delete(KEYS.history)
    assert len(rows(system, 5)) == 5


def test_a_key_of_something_else_costs_no_request(system: Stack) -> None:
    system.redis.set(KEYS.history, "x")

    assert system.post(PATH, body("a")).status == 200

    until(lambda: KEYS.history in system.front_ends[0].stderr(), "its key is named")
    system.redis.delete(KEYS.history)
    rows(system, 1)
