"""What holds for all clients, against a real process: further names, compressed bodies, other origins, and secrets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import httpx2
import openai
import pytest

from tests.integration.stack import Stack, stack

MODEL, ALIAS, KEY = "thirds", "BAAI/bge-m3", "a-key-that-nobody-may-read"
ORIGIN = "https://page.example"
BODY = {"payload": {"records": [{"id": 0, "text": "word1 word2"}] * 200}}


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    named = f"{ALIAS}={MODEL} text-embedding-ada-002={MODEL}"
    with stack(["tests.integration.toy_embedders:Thirds"], alias=named, cors=ORIGIN, gzip_from=4096) as made:
        yield made


@pytest.fixture
def client(system: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=system.url) as made:
        yield made


@pytest.mark.parametrize("name", [ALIAS, "text-embedding-ada-002"])
def test_openai_s_client_knows_a_model_by_its_further_names(system: Stack, name: str) -> None:
    with openai.OpenAI(api_key="none", base_url=f"{system.url}/v1") as client:
        assert client.models.retrieve(name).id == name
        assert name in {model.id for model in client.models.list()}
        assert client.embeddings.create(model=name, input="word1").model == name


def test_an_address_has_the_slash_of_a_name_encoded(client: httpx2.Client) -> None:
    answer = client.post("/models/BAAI%2Fbge-m3", json=BODY)

    assert (answer.status_code, answer.headers["jitney-model"].partition("@")[0]) == (200, MODEL)


def test_bodies_are_compressed_both_ways(client: httpx2.Client) -> None:
    headers = {"content-encoding": "gzip", "content-type": "application/json", "accept-encoding": "gzip"}
    packed = client.post("/embedding", content=gzip.compress(json.dumps(BODY).encode()), headers=headers)
    plain = client.post("/embedding", json=BODY, headers={"accept-encoding": "identity"})

    assert (packed.status_code, packed.headers["content-encoding"]) == (200, "gzip")
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(client: httpx2.Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    answer = client.post("/embedding", content=bomb, headers={"content-encoding": "gzip"})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_page_of_another_origin_asks_first_and_may_then(client: httpx2.Client) -> None:
    asks = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    before = client.options("/embedding", headers=asks)
    after = client.post("/embedding", json=BODY, headers={"origin": ORIGIN})

    assert (before.status_code, before.headers["allow"]) == (204, "OPTIONS, POST")
    assert before.headers["access-control-allow-headers"] == "content-type"
    assert before.headers["access-control-allow-origin"] == after.headers["access-control-allow-origin"] == ORIGIN
    assert after.status_code == 200


def test_head_has_no_body(client: httpx2.Client) -> None:
    answers = [client.head(path) for path in ("/v1/models", "/openapi.json", "/nowhere", "/embedding")]

    assert [answer.status_code for answer in answers] == [200, 200, 404, 405]
    assert {answer.content for answer in answers} == {b""}
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_keys_reach_no_log_wherever_they_stand(system: Stack, client: httpx2.Client, method: str) -> None:
    headers = {"authorization": f"Bearer {KEY}", "x-api-key": KEY}
    for path in ("/embedding", "/v1/models", "/v1/nowhere", "/nowhere", f"/models/{MODEL}"):
        client.request(method, path, params={"api_key": KEY}, headers=headers, json={"api_key": KEY})

    assert '"route": "/embedding"' in system.outputs() and KEY not in system.outputs()
