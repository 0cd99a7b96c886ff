"""Streams, predictions and files of requests: each is answered from the cache, and fills it."""

from __future__ import annotations

import json
from typing import Any

from tests.faults.kit.batches import created, ended, line, rows
from tests.integration.cache.cached import PATH, Cached, body, found, status
from tests.integration.processes import FrontEnd, Reply

STREAM = {"Accept": "application/x-ndjson"}
ASYNC = {"Prefer": "respond-async"}


def predicted(front_end: FrontEnd, asked: Any) -> Reply:
    address = front_end.post(PATH, asked, ASYNC).headers["location"]
    return front_end.get(f"{address}/result?wait=20", timeout=30.0)


def streamed(reply: Reply) -> list[Any]:
    """Its rows, in the order of the records, as a reply in one piece has them."""
    told = [json.loads(one) for one in reply.body.splitlines()]
    found = sorted((row for row in told if "index" in row), key=lambda row: int(row["index"]))
    return [{name: value for name, value in row.items() if name != "index"} for row in found]


def test_a_prediction_of_what_is_known_brings_no_job_and_the_same_answer(system: Cached) -> None:
    texts = ["to be known", "as well"]
    waited = system.one.post(PATH, body(*texts))

    told = predicted(system.one, body(*texts))

    assert (told.status, told.body) == (200, waited.body)
    assert [system.computed(text) for text in texts] == [1, 1]


def test_what_a_prediction_has_computed_others_hit_at_each_front_end(system: Cached) -> None:
    told = predicted(system.one, body("of a prediction"))

    reply = found(system.other, PATH, body("of a prediction"))

    assert status(reply).startswith("jitney; hit")
    assert reply.body == told.body
    assert system.computed("of a prediction") == 1


def test_one_that_knows_a_part_computes_the_rest(system: Cached) -> None:
    system.one.post(PATH, body("the known part"))

    told = predicted(system.one, body("the rest", "the known part", "the rest"))

    assert [row["text"] for row in told.json()["result"]] == ["tser eht", "trap nwonk eht", "tser eht"]
    assert system.computed("the known part") == 1


def test_a_stream_of_what_is_known_has_the_same_rows_as_a_reply_in_one_piece(system: Cached) -> None:
    texts = ["of a stream", "and another"]
    fresh = system.plain.post(PATH, body(*texts), STREAM)
    waited = system.one.post(PATH, body(*texts))
    computed = [system.computed(text) for text in texts]

    stream = system.one.post(PATH, body(*texts), STREAM)

    assert streamed(stream) == streamed(fresh) == waited.json()["result"]
    assert [system.computed(text) for text in texts] == computed


def test_what_a_stream_has_computed_others_hit(system: Cached) -> None:
    stream = system.one.post(PATH, body("streamed first"), STREAM)

    reply = found(system.other, PATH, body("streamed first"))

    assert reply.json()["result"] == streamed(stream)
    assert system.computed("streamed first") == 1


def test_a_file_of_requests_is_answered_from_the_cache_and_fills_it(system: Cached) -> None:
    system.one.post(PATH, body("a known line"))
    found(system.other, PATH, body("a known line"))
    asked = [line(f"line-{at}", text, PATH) for at, text in enumerate(["a known line", "a new line"])]

    first = ended(system.one, created(system.one, asked))
    answered = [row["response"]["body"] for row in rows(system.one, first.output_file_id)]
    again = ended(system.other, created(system.other, asked))

    assert [one["result"][0]["text"] for one in answered] == ["enil nwonk a", "enil wen a"]
    assert [row["response"]["body"] for row in rows(system.one, again.output_file_id)] == answered
    assert [system.computed(text) for text in ("a known line", "a new line")] == [1, 1]
    assert status(found(system.other, PATH, body("a new line"))).startswith("jitney; hit")
