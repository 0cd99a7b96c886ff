"""POST /clustering: records in, clusters of their ids out."""

from __future__ import annotations

import pytest

from broker.messages import Lane
from tests.unit.server.clustering.angles import angles, payload
from tests.unit.server.stand_in import ScriptedBroker, announced, answered, card, running, told

pytestmark = pytest.mark.anyio


async def test_alike_records_come_back_together_the_largest_cluster_first():
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, 100, 120, 110, 10))

        assert (answer.status_code, answer.headers["jitney-model"]) == (200, "compass@r1")
        assert answer.json() == {
            "result": [
                {
                    "cluster": 0,
                    "size": 3,
                    "centre": "at 100",
                    "records": ["at 100", "at 110", "at 120"],
                    "cohesion": 0.97,
                },
                {"cluster": 1, "size": 2, "centre": "at 0", "records": ["at 0", "at 10"], "cohesion": 0.98},
            ]
        }


async def test_a_record_that_is_like_no_other_is_a_cluster_of_one():
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, 90))

        alone = {"size": 1, "cohesion": 1.0}
        assert answer.json()["result"] == [
            {"cluster": 0, "centre": "at 0", "records": ["at 0"], **alone},
            {"cluster": 1, "centre": "at 90", "records": ["at 90"], **alone},
        ]


async def test_clusters_below_the_least_size_are_left_out():
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, 90, 5, minSize=2))

        assert [cluster["records"] for cluster in answer.json()["result"]] == [["at 0", "at 5"]]


async def test_each_record_may_be_told_its_cluster():
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, 90, 20, minSize=2, assign=True))

        assert answer.json()["result"] == [
            {"id": "at 0", "cluster": 0, "similarity": 1.0},
            {"id": "at 90", "cluster": None},
            {"id": "at 20", "cluster": 0, "similarity": 0.94},
        ]


@pytest.mark.parametrize(
    ("said", "asked", "count"),
    [
        pytest.param({}, {}, 1, id="0.5, where nobody says more"),
        pytest.param({"threshold": 0.7}, {}, 2, id="the card's"),
        pytest.param({"threshold": 0.7}, {"threshold": 0.5}, 1, id="the request's"),
        pytest.param({"threshold": 1}, {}, 2, id="a card's whole number"),
        *(pytest.param({"threshold": odd}, {}, 1, id=f"a card's {odd!r}") for odd in (0, 1.1, -1, True, "0.9", None)),
    ],
)
async def test_how_similar_is_alike_says_the_request_or_else_the_card(said, asked, count):
    async with angles(options=said) as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, 50, **asked))

        assert len(answer.json()["result"]) == count


async def test_the_threshold_of_a_model_stands_in_the_list_of_models():
    async with angles(options={"threshold": 0.7}) as jitney:
        (model,) = (await jitney.client.get("/v1/models")).json()["models"]

        assert model["threshold"] == 0.7


async def test_a_model_of_another_task_has_no_threshold():
    async with running() as jitney:
        (model,) = (await jitney.client.get("/v1/models")).json()["models"]

        assert "threshold" not in model


@pytest.mark.parametrize(
    "fields",
    [
        {"threshold": 0},
        {"threshold": 1.01},
        {"threshold": -0.5},
        {"threshold": "0.5"},
        {"threshold": True},
        {"minSize": 0},
        {"minSize": 1.5},
        {"assign": 1},
    ],
    ids=str,
)
async def test_fields_out_of_bounds_are_400(fields):
    async with angles() as jitney:
        assert told(await jitney.client.post("/clustering", json=payload(0, **fields))) == (400, "malformed")


async def test_no_records_are_no_clusters():
    async with angles() as jitney:
        for asked in (payload(), payload(assign=True)):
            answer = await jitney.client.post("/clustering", json=asked)

            assert (answer.status_code, answer.json(), jitney.broker.trips) == (200, {"result": []}, [])


async def test_ids_may_come_twice():
    async with angles() as jitney:
        body = {"payload": {"records": [{"id": 7, "text": "0"}, {"id": 7, "text": "5"}, {"id": "7", "text": "90"}]}}

        answer = await jitney.client.post("/clustering", json=body)

        assert [(row["centre"], row["records"]) for row in answer.json()["result"]] == [(7, [7, 7]), ("7", ["7"])]


async def test_a_record_without_a_vector_stands_beside_the_clusters_of_the_others():
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, "impossible", 10, "fail:model_error"))

        assert answer.status_code == 200
        assert [row["records"] for row in answer.json()["result"]] == [["at 0", "at 10"]]
        assert answer.json()["errors"] == [
            {"id": "at impossible", "error": {"code": "invalid_input", "message": "this text is impossible"}},
            {"id": "at fail:model_error", "error": {"code": "model_error", "message": "fail:model_error happened"}},
        ]


async def test_a_record_without_a_vector_has_its_error_in_its_row():
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload("impossible", 0, assign=True))

        first, second = answer.json()["result"]
        assert (first["error"]["code"], "errors" in answer.json()) == ("invalid_input", False)
        assert second == {"id": "at 0", "cluster": 0, "similarity": 1.0}


@pytest.mark.parametrize("odd", ["nothing", "short", "flat"])
async def test_an_answer_that_is_no_vector_like_the_others_is_the_model_s_fault(odd):
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, odd))

        assert [failed["error"]["code"] for failed in answer.json()["errors"]] == ["model_error"]


async def test_where_no_record_has_a_vector_the_first_says_why():
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload("impossible", "nothing"))

        assert told(answer) == (422, "invalid_input")


async def test_more_records_than_may_be_grouped_are_413():
    async with angles(max_cluster_records=2) as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, 1, 2))

        assert (*told(answer), answer.json()["limit"]) == (413, "too_large", 2)


async def test_more_records_than_other_requests_may_have_are_grouped():
    async with angles(max_records=1) as jitney:
        assert (await jitney.client.post("/clustering", json=payload(0, 1, 2))).status_code == 200


async def test_its_body_has_a_bound_of_its_own():
    async with angles(max_body_bytes=10, max_cluster_bytes=200) as jitney:
        fits = await jitney.client.post("/clustering", json=payload(0, 1, 2))
        is_too_large = await jitney.client.post("/clustering", json=payload(*range(9)))

        assert (fits.status_code, is_too_large.status_code) == (200, 413)


async def test_a_misspelt_field_is_told():
    async with angles() as jitney:
        answer = await jitney.client.post("/clustering", json=payload(0, treshold=0.5))

        assert "'threshold' is meant" in answer.json()["warnings"][0]


async def test_it_may_take_the_bulk_lane():
    async with angles() as jitney:
        await jitney.client.post("/clustering", json=payload(0), headers={"Jitney-Lane": "bulk"})

        assert [request.lane for _, requests, _ in jitney.broker.trips for request in requests] == [Lane.BULK]


async def test_a_model_may_be_named():
    broker = ScriptedBroker()
    async with angles(broker) as jitney:
        broker.announcements += [announced(card("other", task="embedding")), announced(card("toy", task="own"))]
        await jitney.look()

        answer = await jitney.client.post("/clustering", json=payload(0, model="other"))
        of_another_task = await jitney.client.post("/clustering", json=payload(0, model="toy"))

        assert answer.headers["jitney-model"] == "other@r1"
        assert told(of_another_task) == (404, "unknown_model")


async def test_without_an_embedding_model_it_is_503():
    async with running() as jitney:
        assert told(await jitney.client.post("/clustering", json=payload(0))) == (503, "no_batcher")


async def test_vectors_of_two_revisions_are_not_compared():
    broker = ScriptedBroker(answers=False)
    async with angles(broker) as jitney, jitney.asked("0", "10", path="/clustering") as asking:
        broker.publish(answered(broker.jobs[0]))
        await jitney.until(lambda: jitney.front_end.pending.waiting[0].left == 1)
        broker.answers = True
        compass = card("compass", task="embedding")
        newer = card("compass", task="embedding", revision="r2")
        broker.announcements = [announced(newer, since=2.0), announced(compass, batchers=0)]
        await jitney.look()

        answer = await asking

        assert told(answer) == (503, "no_batcher")
        assert "two revisions" in answer.json()["detail"] and "retry-after" in answer.headers


async def test_clusters_can_be_fetched_later():
    async with angles() as jitney:
        accepted = await jitney.client.post("/clustering", json=payload(0, 90), headers={"Prefer": "respond-async"})
        waited = await jitney.client.post("/clustering", json=payload(0, 90))

        fetched = await jitney.client.get(accepted.headers["location"] + "/result?wait=30")

        assert (accepted.status_code, fetched.status_code) == (202, 200)
        assert fetched.content == waited.content
