"""What the clients of text-embeddings-inference send, and what they read."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from broker.messages import FailureCode, Verdict
from tests.unit.server.openai.test_embeddings import vector
from tests.unit.server.stand_in import ScriptedBroker, announced, answered, card
from tests.unit.server.tei.several import several

pytestmark = pytest.mark.anyio

PLACES = ["", "/models/compass"]
ROUNDED = 1e-6  # of float32


def error(answer: httpx2.Response) -> tuple[int, str]:
    """Status and TEI's word for it."""
    told = answer.json()
    assert told["error"] == told["message"] == told["detail"]
    return answer.status_code, told["error_type"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("inputs", "degrees"), [("60", [60]), (["0", "90"], [0, 90])])
async def test_a_text_alone_has_a_list_of_vectors_as_well(place, inputs, degrees):
    async with several() as jitney:
        answer = await jitney.client.post(f"{place}/embed", json={"inputs": inputs, "truncate": True})

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, "compass@r1")
        assert answer.json() == [vector(each) for each in degrees]


@pytest.mark.parametrize(("normalize", "kept"), [(None, [1.0]), (True, [1.0]), (False, vector(60)[:1])])
async def test_vectors_have_length_1_unless_the_body_says_no(normalize, kept):
    async with several() as jitney:
        jitney.broker.announcements = [
            announced(card("plain", task="embedding", options={"matryoshka": True, "is_unit": False}))
        ]
        await jitney.look()

        answer = await jitney.client.post(
            "/models/plain/embed", json={"inputs": "60", "normalize": normalize, "dimensions": 1}
        )

        assert answer.json() == [kept]


async def test_a_thousand_texts_are_taken():
    async with several() as jitney:
        answer = await jitney.client.post("/embed", json={"inputs": [str(place % 360) for place in range(1000)]})

        assert answer.json() == [vector(place % 360) for place in range(1000)]


GOOD = [{"label": "good", "score": 0.5}, {"label": "so so", "score": 0.02}, {"label": "bad", "score": 0.01}]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ("a day", GOOD),
        (["a day"], GOOD),
        ([["a day"]], [GOOD]),
        ([["a day"], ["two days"]], [GOOD, GOOD]),
    ],
)
async def test_a_text_alone_has_its_labels_and_several_have_a_list_of_them_each(inputs, told):
    async with several() as jitney:
        answer = await jitney.client.post("/predict", json={"inputs": inputs})

        assert (answer.status_code, answer.json()) == (200, told)


async def test_two_texts_in_one_list_are_a_pair_which_no_model_reads():
    async with several() as jitney:
        answer = await jitney.client.post("/predict", json={"inputs": ["a day", "two days"]})

        assert error(answer) == (422, "Validation")
        assert "[[a], [b]]" in answer.json()["error"]


@pytest.mark.parametrize("place", ["", "/models/ranker"])
async def test_texts_come_back_as_places_best_first(place):
    body = {"query": "which?", "texts": ["0.25", "0.75", "0.5"], "raw_scores": False, "truncate": True}
    async with several() as jitney:
        bare = await jitney.client.post(f"{place}/rerank", json=body)
        full = await jitney.client.post(f"{place}/rerank", json=body | {"return_text": True})

        ranks = [{"index": 1, "score": 0.75}, {"index": 2, "score": 0.5}, {"index": 0, "score": 0.25}]
        assert (bare.status_code, bare.json()) == (200, ranks)
        assert full.json() == [rank | {"text": body["texts"][rank["index"]]} for rank in ranks]


async def test_similar_are_those_between_which_is_a_small_angle():
    async with several() as jitney:
        answer = await jitney.client.post(
            "/similarity", json={"inputs": {"source_sentence": "0", "sentences": ["0", "60", "90", "180"]}}
        )

        assert answer.json() == pytest.approx([1.0, 0.5, 0.0, -1.0], abs=ROUNDED)


@pytest.mark.parametrize(
    ("tasks", "body", "model"),
    [
        ((), {"inputs": "60"}, "compass"),
        (("classification",), {"inputs": "60"}, "judge"),
        ((), {"inputs": "60", "model": "judge"}, "judge"),
        ((), {"query": "which?", "texts": ["0.5"]}, "ranker"),
        ((), {"inputs": {"source_sentence": "0", "sentences": ["0"]}}, "compass"),
    ],
)
async def test_without_a_path_the_body_and_the_models_say_what_is_asked(tasks, body, model):
    async with several(*tasks) as jitney:
        answer = await jitney.client.post("/", json=body)

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, f"{model}@r1"), answer.text


async def test_a_model_that_is_away_is_not_replaced_by_one_of_another_task():
    async with several() as jitney:
        jitney.broker.announcements = [
            announced(card("compass", task="embedding"), batchers=0),
            announced(card("judge", task="classification")),
        ]
        await jitney.look()

        answer = await jitney.client.post("/", json={"inputs": "60"})

        assert error(answer) == (503, "Unhealthy")


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        pytest.param("/embed", {"inputs": []}, (422, "Validation"), id="no text"),
        pytest.param("/embed", {"inputs": [1, 2]}, (422, "Validation"), id="token ids"),
        pytest.param("/embed", {"inputs": "60", "dimensions": 1}, (422, "Validation"), id="it cannot be cut"),
        pytest.param("/embed", {"inputs": ["0"] * 2049}, (422, "Validation"), id="too many"),
        pytest.param("/embed", {"inputs": ["0", "impossible"]}, (422, "Validation"), id="one cannot be read"),
        pytest.param("/embed", {"inputs": ["0", "fail:model_error"]}, (424, "Backend"), id="one fails"),
        pytest.param("/embed", {"inputs": ["0", "fail:poison"]}, (424, "Backend"), id="one crashes batchers"),
        pytest.param("/embed", {"inputs": ["0", "flat"]}, (424, "Backend"), id="one has no vector"),
        pytest.param("/embed", {"inputs": "0", "model": "compas"}, (404, "Validation"), id="no such model"),
        pytest.param("/models/compas/embed", {"inputs": "0"}, (404, "Validation"), id="nor here"),
        pytest.param("/models/judge/embed", {"inputs": "0"}, (404, "Validation"), id="one of another task"),
        pytest.param("/predict", {"inputs": [["a", "b"]]}, (422, "Validation"), id="pairs"),
        pytest.param("/predict", {"inputs": "a", "raw_scores": True}, (422, "Validation"), id="other scores"),
        pytest.param("/rerank", {"query": "", "texts": ["0.5"]}, (422, "Validation"), id="no query"),
        pytest.param("/rerank", {"query": "a", "texts": ["0.5", "nothing"]}, (424, "Backend"), id="one has no score"),
        pytest.param("/similarity", {"inputs": "a"}, (422, "Validation"), id="no sentences"),
        pytest.param("/", {}, (422, "Validation"), id="nothing"),
        pytest.param("/", [], (422, "Validation"), id="no object"),
    ],
)
async def test_what_cannot_be_answered_refuses_the_request_in_tei_s_words(path, body, told):
    async with several() as jitney:
        answer = await jitney.client.post(path, json=body)

        assert error(answer) == told, answer.text


async def test_of_several_texts_the_one_that_fails_is_named():
    async with several() as jitney:
        answer = await jitney.client.post("/embed", json={"inputs": ["0", "impossible"]})

        assert answer.json()["error"] == "inputs[1]: this text is impossible"


async def test_where_too_much_waits_clients_are_told_to_come_back():
    broker = ScriptedBroker(verdict=Verdict(waiting=9, refusal=FailureCode.CONTENDED))
    async with several(broker=broker) as jitney:
        answer = await jitney.client.post("/embed", json={"inputs": "0"})

        assert error(answer) == (429, "Overloaded")
        assert answer.headers["retry-after"]


async def test_vectors_of_two_revisions_are_in_no_answer():
    async with several("embedding", broker=ScriptedBroker(answers=False)) as jitney:
        asked = asyncio.create_task(jitney.client.post("/embed", json={"inputs": ["0", "90"]}))
        await jitney.broker.admitted.wait()
        jitney.broker.publish(answered(jitney.broker.jobs[0]))
        await jitney.until(lambda: not jitney.broker.outbox)
        jitney.broker.answers = True
        jitney.broker.announcements = [announced(card("compass", task="embedding", revision="r2"))]
        await jitney.look()
        answer = await asked

        assert error(answer) == (503, "Unhealthy")


@pytest.mark.parametrize(
    ("path", "kind", "length"),
    [
        ("/info", {"embedding": {}}, 512),
        ("/models/compass/info", {"embedding": {}}, 512),
        (
            "/models/judge/info",
            {
                "classifier": {
                    "id2label": {"0": "good", "1": "bad", "2": "so so"},
                    "label2id": {"good": 0, "bad": 1, "so so": 2},
                }
            },
            1024,
        ),
    ],
)
async def test_a_model_says_what_it_is(path, kind, length):
    async with several() as jitney:
        told = (await jitney.client.get(path)).json()

        assert (told["model_type"], told["max_input_length"]) == (kind, length)
        assert told["served_model_name"] == told["model_id"]


@pytest.mark.parametrize("name", ["MiniLM", "BAAI%2Fbge-m3"])
@pytest.mark.parametrize("path", ["embed", "info", "health"])
async def test_a_model_s_further_name_is_as_good_in_an_address(path, name):
    async with several(alias="MiniLM=compass BAAI/bge-m3=compass") as jitney:
        method, body = ("POST", {"inputs": "0"}) if path == "embed" else ("GET", None)

        answer = await jitney.client.request(method, f"/models/{name}/{path}", json=body)

        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/ping", "/models/compass/health"])
async def test_who_is_well_says_so(path):
    async with several() as jitney:
        answer = await jitney.client.get(path)

        assert (answer.status_code, answer.json()["status"].lower()) in ((200, "ok"), (200, "healthy"))


@pytest.mark.parametrize("path", ["/", "/health", "/ping", "/info"])
async def test_before_there_is_a_broker_nobody_is_well(path):
    async with several(met=False) as jitney:
        answer = await jitney.client.get(path)

        assert error(answer) == (503, "Unhealthy" if path in ("/", "/info") else "no_batcher")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/", 405),
        ("GET", "/embed", 405),
        ("GET", "/predict", 405),
        ("GET", "/rerank", 405),
        ("POST", "/info", 405),
        ("GET", "/models/compass/embed", 405),
        ("POST", "/models/compass/embed_sparse", 404),
    ],
)
async def test_an_address_that_leads_nowhere_says_so_in_words_that_clients_read(method, path, status):
    async with several() as jitney:
        answer = await jitney.client.request(method, path)

        assert (answer.status_code, answer.json()["error"]) == (status, answer.json()["detail"])
