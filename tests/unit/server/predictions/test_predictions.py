"""A request with `Prefer: respond-async` is answered with 202, run as if its client waited, and fetched afterwards."""

from __future__ import annotations

import pytest

from tests.unit.server.clustering.angles import angles, payload
from tests.unit.server.predictions.asking import ASYNC, ended, result
from tests.unit.server.stand_in import ScriptedBroker, announced, card, running, told

pytestmark = pytest.mark.anyio


async def test_the_answer_is_a_202_that_says_where_to_ask():
    async with running(ScriptedBroker(answers=False)) as jitney:
        accepted = await jitney.ask("a b", "c", headers=ASYNC)

        assert accepted.status_code == 202
        document = accepted.json()
        assert accepted.headers["location"] == document["links"]["self"] == f"/predictions/{document['id']}"
        assert accepted.headers["preference-applied"] == "respond-async"
        assert accepted.headers["vary"] == "Prefer"
        assert int(accepted.headers["retry-after"]) >= 1
        assert (document["status"], document["model"], document["records"]) == ("running", "echo", 2)
        assert (document["done"], document["finishedAt"]) == (0, None)


async def test_the_result_is_the_body_of_the_call_that_waits():
    async with running() as jitney:
        waited = await jitney.ask("life is", "short")
        fetched = await result(jitney, await jitney.ask("life is", "short", headers=ASYNC))

        assert (fetched.status_code, fetched.content) == (200, waited.content)
        assert fetched.headers["content-type"] == waited.headers["content-type"]
        assert fetched.headers["jitney-model"] == waited.headers["jitney-model"]
        assert fetched.headers["cache-control"] == "no-store"
        assert "queue;dur=" in fetched.headers["server-timing"]


async def test_a_model_is_found_by_its_task_as_ever():
    async with running(ScriptedBroker([announced(card(task="classification"))])) as jitney:
        accepted = await jitney.ask("life", path="/classification", headers=ASYNC, topK=2)

        assert (await result(jitney, accepted)).json()["result"][0]["options"] == {"topK": 2}


@pytest.mark.parametrize(
    ("path", "asked"), [("/cluster", ["0", "9", "120"]), ("/clustering", payload("0", "9", "120"))]
)
async def test_clusters_can_be_fetched_later_too(path, asked):
    async with angles() as jitney:
        waited = await jitney.client.post(path, json=asked)
        accepted = await jitney.client.post(path, json=asked, headers=ASYNC)

        assert accepted.status_code == 202
        assert (await result(jitney, accepted)).content == waited.content


async def test_one_that_has_no_room_even_alone_is_not_told_to_come_back():
    async with running(predictions_bytes=2_000) as jitney:
        assert (await jitney.ask("a", headers=ASYNC)).status_code == 202

        refused = await jitney.ask("a" * 1_000, headers=ASYNC)

        assert (refused.json()["code"], refused.json()["limit"]) == ("too_large", 2_000)
        assert "retry-after" not in refused.headers


async def test_the_document_says_how_it_ended():
    async with running() as jitney:
        document = await ended(jitney, await jitney.ask("fine", "fail:model_error", headers=ASYNC))

        assert (document["status"], document["done"], document["failed"]) == ("succeeded", 1, 1)
        assert document["createdAt"] <= document["startedAt"] <= document["finishedAt"] < document["expiresAt"]


async def test_until_it_has_ended_its_result_is_the_document():
    async with running(ScriptedBroker(answers=False)) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)

        open_one = await jitney.client.get(accepted.headers["location"] + "/result")

        assert (open_one.status_code, open_one.json()["id"]) == (202, accepted.json()["id"])


async def test_when_all_records_fail_its_result_is_the_problem_of_the_call_that_waits():
    async with running() as jitney:
        waited = await jitney.ask("fail:model_error")
        accepted = await jitney.ask("fail:model_error", headers=ASYNC)

        assert (await ended(jitney, accepted))["status"] == "failed"
        fetched = await result(jitney, accepted)
        assert told(fetched) == told(waited) == (500, "model_error")
        assert fetched.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("/models/none", {"text": "life"}, (404, "unknown_model"), id="no such model"),
        pytest.param("/models/echo", {}, (400, "malformed"), id="no text"),
    ],
)
async def test_what_is_seen_to_be_wrong_is_refused_at_once(path, text, expected):
    async with running() as jitney:
        body = {"payload": {"records": [{"id": 1} | text]}}

        assert told(await jitney.client.post(path, json=body, headers=ASYNC)) == expected
        assert jitney.broker.jobs == []


async def test_whoever_waits_a_while_gets_the_result_itself_when_it_is_quick():
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"Prefer": "respond-async, wait=10"})

        assert (answer.status_code, answer.json()) == (200, {"result": [{"id": 0, "text": "LIFE"}]})
        assert answer.headers["preference-applied"] == "respond-async, wait=10"
        assert answer.headers.get_list("jitney-model") == ["echo@r1"]


@pytest.mark.parametrize("prefer", ["wait=10", "return=minimal", "", "respond-asyncs"])
async def test_other_preferences_change_nothing(prefer):
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"Prefer": prefer})

        assert (answer.status_code, "location" in answer.headers) == (200, False)


async def test_an_open_one_is_canceled_and_its_jobs_are_too():
    async with running(ScriptedBroker(answers=False)) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        await jitney.broker.admitted.wait()

        removed = await jitney.client.delete(accepted.headers["location"])

        assert (removed.status_code, removed.json()["status"]) == (202, "canceled")
        await jitney.until(lambda: len(jitney.broker.cancelled) == 1)
        assert told(await result(jitney, accepted)) == (409, "canceled")
        assert jitney.front_end.tasks.predictions.running == {}


async def test_one_that_another_client_forgets_while_it_is_canceled_is_gone(monkeypatch):
    async with running(ScriptedBroker(answers=False)) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        remove = jitney.broker.predictions.remove

        async def remove_twice(id):
            before = await remove(id)
            await remove(id)
            return before

        monkeypatch.setattr(jitney.broker.predictions, "remove", remove_twice)

        assert (await jitney.client.delete(accepted.headers["location"])).status_code == 204
        await jitney.until(lambda: jitney.front_end.tasks.predictions.running == {})


async def test_an_ended_one_is_forgotten():
    async with running() as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        await ended(jitney, accepted)

        assert (await jitney.client.delete(accepted.headers["location"])).status_code == 204
        assert told(await jitney.client.get(accepted.headers["location"])) == (404, "not_found")
        assert told(await result(jitney, accepted)) == (404, "not_found")
        assert told(await jitney.client.delete(accepted.headers["location"])) == (404, "not_found")


async def test_what_an_empty_broker_has_lost_is_told_from_what_never_was():
    async with running(ScriptedBroker(epoch="1" * 16)) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        await ended(jitney, accepted)
        jitney.broker.predictions._store.lose_everything()

        assert told(await jitney.client.get(accepted.headers["location"])) == (410, "prediction_lost")
        assert told(await jitney.client.get("/predictions/never")) == (404, "not_found")


async def test_a_document_that_a_client_has_is_not_sent_again():
    async with running() as jitney:
        accepted = await jitney.ask("life", headers=ASYNC)
        await ended(jitney, accepted)
        address = accepted.headers["location"]
        tag = (await jitney.client.get(address)).headers["etag"]

        again = await jitney.client.get(address, headers={"If-None-Match": tag})
        other = await jitney.client.get(address, headers={"If-None-Match": accepted.headers["etag"]})

        assert tag.startswith('W/"')
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert other.status_code == 200


async def test_the_same_request_with_the_same_key_is_the_same_prediction():
    async with running() as jitney:
        first = await jitney.ask("life", headers=ASYNC | {"Idempotency-Key": '"k 1"'})
        again = await jitney.ask("life", headers=ASYNC | {"Idempotency-Key": "k 1"})
        other = await jitney.ask("death", headers=ASYNC | {"Idempotency-Key": "k 1"})

        assert (again.status_code, again.headers["location"]) == (202, first.headers["location"])
        assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
        assert told(other) == (422, "key_reused")


async def test_what_has_no_room_is_refused_until_there_is_some():
    async with running(ScriptedBroker(answers=False), predictions_bytes=1_500) as jitney:
        assert (await jitney.ask("life", headers=ASYNC)).status_code == 202

        refused = await jitney.ask("life", headers=ASYNC)

        assert told(refused) == (429, "contended")
        assert "retry-after" in refused.headers


async def test_one_that_takes_too_long_is_expired():
    async with running(ScriptedBroker(answers=False)) as jitney:
        accepted = await jitney.ask("life", headers=ASYNC | {"X-Request-Timeout": "0.05"})

        assert (await ended(jitney, accepted))["status"] == "expired"
        assert told(await result(jitney, accepted)) == (504, "expired")


async def test_one_that_is_refused_for_now_until_its_time_is_over_is_expired():
    async with running() as jitney:
        accepted = await jitney.ask("fail:no_batcher", headers=ASYNC | {"X-Request-Timeout": "0.2"})

        assert (await ended(jitney, accepted))["status"] == "expired"
        assert told(await result(jitney, accepted)) == (504, "expired")


@pytest.mark.parametrize("wait", ["-1", "x", "nan", ""])
async def test_a_wait_that_is_none_is_refused(wait):
    async with running() as jitney:
        assert told(await jitney.client.get("/predictions/x", params={"wait": wait})) == (400, "malformed")


async def test_the_same_key_at_another_address_is_another_prediction():
    broker = ScriptedBroker([announced(card()), announced(card("other"))])
    async with running(broker) as jitney:
        keyed = ASYNC | {"Idempotency-Key": "k"}
        first, second = [await jitney.ask("life", path=f"/models/{name}", headers=keyed) for name in ("echo", "other")]

        assert (first.status_code, second.status_code) == (202, 202)
        assert first.headers["location"] != second.headers["location"]
