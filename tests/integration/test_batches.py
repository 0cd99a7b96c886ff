"""Batches on real processes: the official client's whole life of one, on a directory and in object storage."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

import openai
import pytest

from tests.faults.kit.batches import client_of, created, ended, found, line, rows
from tests.integration.processes import request
from tests.integration.stack import Stack, stack
from tests.s3_server import BUCKET, s3_server

SYNTHETIC, EMBEDDING = "synthetic:10ms+0.1ms,faults=on", "tests.integration.toy_embedders:Thirds"
ENDPOINT = "/models/synthetic"
TEXTS = [f"text {number}" for number in range(100)]


@pytest.fixture(scope="module")
def s3() -> Iterator[Mapping[str, str]]:
    with s3_server() as variables:
        yield variables


@pytest.fixture(scope="module", params=["directory", "bucket"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    where: dict[str, object] = {"files": tmp_path_factory.mktemp("files")}
    if request.param == "bucket":
        where = {**request.getfixturevalue("s3"), "files": f"s3://{BUCKET}/{uuid.uuid4().hex}"}
    with stack(models=[SYNTHETIC, EMBEDDING], front_ends=2, **where) as made:
        yield made


def asked(*texts: str) -> list[dict[str, object]]:
    return [line(f"line-{number}", text, ENDPOINT) for number, text in enumerate(texts)]


def test_the_official_client_sees_a_batch_through(system: Stack) -> None:
    one, other = system.front_ends

    batch = created(one, asked(*TEXTS), metadata={"who": "a test"})
    done = ended(other, batch)

    assert (done.status, done.errors, done.metadata) == ("completed", None, {"who": "a test"})
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (100, 100, 0)
    answered = rows(other, done.output_file_id)
    assert [row["custom_id"] for row in answered] == [f"line-{number}" for number in range(100)]
    assert [row["response"]["body"]["result"][0]["text"] for row in answered] == [text[::-1] for text in TEXTS]
    with client_of(one) as client:
        assert batch.id == client.batches.list(limit=1).data[0].id
        assert client.files.retrieve(done.output_file_id or "").purpose == "batch_output"


def test_lines_that_fail_are_in_the_error_file_and_the_others_in_the_output(system: Stack) -> None:
    one, other = system.front_ends

    done = ended(other, created(one, asked("life", "!raise", "is")))

    assert done.status == "completed"
    assert [row["custom_id"] for row in rows(one, done.output_file_id)] == ["line-0", "line-2"]
    (failed,) = rows(one, done.error_file_id)
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("line-1", 500)
    assert failed["response"]["body"]["code"] == "model_error"


def test_vectors_come_as_the_clients_own_call_brings_them(system: Stack) -> None:
    one, other = system.front_ends
    bodies = [{"input": "word1 word2"}, {"input": [[1, 2]]}, {"input": ["word3"], "model": "thirds"}]
    many = [
        {"custom_id": str(number), "method": "POST", "url": "/v1/embeddings", "body": body}
        for number, body in enumerate(bodies)
    ]

    done = ended(other, created(one, many))

    good = rows(one, done.output_file_id)
    assert [row["custom_id"] for row in good] == ["0", "2"]
    with client_of(one) as client:
        called = client.embeddings.create(model="thirds", input="word1 word2").data[0].embedding
    assert good[0]["response"]["body"]["data"][0]["embedding"] == pytest.approx(called)
    (bad,) = rows(one, done.error_file_id)
    assert (bad["custom_id"], bad["response"]["status_code"]) == ("1", 400)
    assert "error" in bad["response"]["body"]


def test_an_input_with_errors_is_told_by_its_lines(system: Stack) -> None:
    one, other = system.front_ends
    bad = [*asked("life"), {"custom_id": "line-0", "method": "GET", "url": "/v1/embeddings", "body": {}}]

    done = ended(other, created(one, bad))

    assert done.status == "failed"
    assert done.errors is not None
    assert [(error.line, error.code) for error in done.errors.data or ()] == [(2, "invalid_method")]


def test_a_cancelled_batch_ends_with_what_there_is(system: Stack) -> None:
    one, other = system.front_ends
    system.batchers[0].pause()
    batch = created(one, asked(*TEXTS))
    with client_of(other) as client:
        cancelled = client.batches.cancel(batch.id)

    done = ended(other, batch)

    system.batchers[0].resume()
    assert cancelled.status in ("cancelling", "cancelled")
    assert (done.status, done.output_file_id, done.cancelled_at is None) == ("cancelled", None, False)
    with client_of(other) as client, pytest.raises(openai.BadRequestError):
        client.batches.cancel(batch.id)


def test_what_its_window_does_not_suffice_for_is_told_as_expired(system: Stack) -> None:
    one, other = system.front_ends
    system.batchers[0].pause()

    done = ended(other, created(one, asked("life", "is"), window="1s"))

    system.batchers[0].resume()
    assert (done.status, done.output_file_id) == ("expired", None)
    assert {row["error"]["code"] for row in rows(one, done.error_file_id)} == {"batch_expired"}


def test_the_same_request_with_the_same_key_is_the_same_batch(system: Stack) -> None:
    one, other = system.front_ends
    with client_of(one) as client:
        file = client.files.create(file=("in.jsonl", b"{}\n"), purpose="batch").id
    key = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"input_file_id": file, "endpoint": ENDPOINT, "completion_window": "24h"}

    replies = [front_end.post("/v1/batches", body, key) for front_end in (one, other)]
    different = one.post("/v1/batches", body | {"completion_window": "12h"}, key)

    assert {reply.status for reply in replies} == {200}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert (different.status, different.json()["error"]["code"]) == (400, "key_reused")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        pytest.param({"endpoint": "/v1/chat/completions"}, "endpoint", id="an endpoint that is none"),
        pytest.param({"completion_window": "soon"}, "completion_window", id="a window that is none"),
        pytest.param({"input_file_id": "file-none"}, "input_file_id", id="a file that is none"),
    ],
)
def test_what_cannot_be_a_batch_is_refused_at_once(system: Stack, wrong: dict[str, str], param: str) -> None:
    with client_of(system.front_ends[0]) as client:
        file = client.files.create(file=("in.jsonl", b"{}\n"), purpose="batch").id
    body = {"input_file_id": file, "endpoint": ENDPOINT, "completion_window": "24h"} | wrong

    reply = system.post("/v1/batches", body)

    assert reply.status in (400, 404)
    assert reply.json()["error"]["param"] == param


def test_the_id_of_a_batch_is_no_predictions(system: Stack) -> None:
    batch = created(system.front_ends[0], asked("life"))

    addresses = [f"/predictions/{batch.id}{rest}" for rest in ("", "/result", "/events")]
    assert {system.get(address).status for address in addresses} == {404}
    assert request("DELETE", system.front_ends[0].port, addresses[0]).status == 404
    assert found(system.front_ends[0], batch).id == batch.id
