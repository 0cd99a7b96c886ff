"""What goes in and comes out when all is well."""

from __future__ import annotations

import pytest

from broker.messages import Timing
from server.http.timing import stages
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, announced, answered, card, running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("record_id", ["123", "", "日本", 7, -1, 2**63, 10**30])
async def test_ids_of_strings_and_integers_are_echoed(record_id):
    async with running() as jitney:
        body = {"payload": {"records": [{"id": record_id, "text": "life"}]}}

        answer = await jitney.client.post("/models/echo", json=body)

        assert answer.json() == {"result": [{"id": record_id, "text": "LIFE"}]}


async def test_duplicate_ids_each_get_their_own_answer():
    async with running() as jitney:
        records = [{"id": 1, "text": "a"}, {"id": 1, "text": "b"}]

        answer = await jitney.client.post("/models/echo", json={"payload": {"records": records}})

        assert answer.json() == {"result": [{"id": 1, "text": "A"}, {"id": 1, "text": "B"}]}


async def test_no_records_are_no_results_and_no_jobs():
    async with running() as jitney:
        answer = await jitney.ask()

        assert (answer.json(), jitney.broker.trips) == ({"result": []}, [])


async def test_a_record_without_pieces_answers_itself():
    async with running() as jitney:
        answer = await jitney.ask("")

        assert (answer.json(), jitney.broker.trips) == ({"result": [{"id": 0, "text": ""}]}, [])


async def test_the_original_call_reaches_the_codec_with_its_languages():
    broker = ScriptedBroker([announced(card(task="translation"))])
    body = {"payload": {"fromLang": "en", "records": [{"id": "123", "text": "life"}], "toLang": "ja"}}
    async with running(broker) as jitney:
        answer = await jitney.client.post("/translation", json=body)

        options = {"fromLang": "en", "toLang": "ja"}
        assert answer.json() == {"result": [{"id": "123", "text": "LIFE", "options": options}]}


async def test_topk_reaches_the_codec():
    async with running(ScriptedBroker([announced(card(task="classification"))])) as jitney:
        answer = await jitney.ask("life", path="/classification", topK=3)

        assert answer.json()["result"][0]["options"] == {"topK": 3}


async def test_a_custom_model_gets_every_further_field_as_an_option():
    async with running() as jitney:
        answer = await jitney.ask("life", model="ignored", tone={"warm": True})

        assert answer.json()["result"][0]["options"] == {"tone": {"warm": True}}


async def test_a_model_s_own_field_does_not_replace_the_id():
    class Signing(WordCodec):
        def decode(self, plan, outputs):
            return {"id": "mine", "text": "a"}

    async with running(make_codec=Signing) as jitney:
        answer = await jitney.ask("life")

        assert answer.json()["result"] == [{"id": 0, "text": "a"}]


async def test_unknown_fields_change_no_answer_and_are_told():
    async with running(ScriptedBroker([announced(card(task="embedding"))])) as jitney:
        body = {"payload": {"records": [{"id": 1, "text": "a", "colour": "red"}], "more": [1]}, "else": None}

        answer = await jitney.client.post("/embedding", json=body)

        assert answer.json()["result"] == [{"id": 1, "text": "A"}]
        assert answer.json()["warnings"] == [
            "'else' in the body is not known and is not read.",
            "'more' in the payload is not known and is not read.",
            "'colour' in a record is not known and is not read.",
        ]


async def test_an_embedding_may_choose_its_prompt():
    async with running(ScriptedBroker([announced(card(task="embedding"))])) as jitney:
        answer = await jitney.ask("life", path="/embedding", promptName="query")

        assert answer.json()["result"][0]["options"] == {"promptName": "query"}
        assert "warnings" not in answer.json()


async def test_a_model_by_name_is_asked_as_its_task_is():
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", fromLang="en", toLang="ja")

        assert answer.json()["result"][0]["options"] == {"fromLang": "en", "toLang": "ja"}


async def test_a_task_is_done_by_the_model_that_was_there_first():
    zebra, ant = card("zebra", task="embedding"), card("ant", task="embedding")
    async with running(ScriptedBroker([announced(zebra, since=2.0), announced(ant)])) as jitney:
        await jitney.ask("life", path="/embedding")

        assert jitney.broker.trips[0][1][0].model == "ant@r1"


async def test_the_payload_may_choose_the_model():
    zebra, ant = card("zebra", task="embedding"), card("ant", task="embedding")
    async with running(ScriptedBroker([announced(zebra), announced(ant)])) as jitney:
        await jitney.ask("life", path="/embedding", model="zebra")

        assert jitney.broker.trips[0][1][0].model == "zebra@r1"


async def test_a_long_text_is_several_jobs_of_one_request():
    async with running() as jitney:
        answer = await jitney.ask("one two three")

        assert answer.json()["result"] == [{"id": 0, "text": "ONE TWO THREE"}]
        assert [len(request.jobs) for _, requests, _ in jitney.broker.trips for request in requests] == [3]


async def test_jobs_say_who_waits_and_what_they_cost():
    async with running() as jitney:
        await jitney.ask("life")

        (job,) = jitney.broker.jobs
        assert (job.front_end, job.cost, len(job.id)) == ("f" * 16, 4, 32)


async def test_a_large_request_is_encoded_all_the_same():
    async with running() as jitney:
        answer = await jitney.ask("x" * 20_000, "y")

        assert [len(row["text"]) for row in answer.json()["result"]] == [20_000, 1]


async def test_server_timing_says_where_the_time_went():
    async with running() as jitney:
        answer = await jitney.ask("life")

        said = dict(part.split(";") for part in answer.headers["server-timing"].split(", "))
        assert said | {"return": ""} == {
            "queue": "dur=3.00",
            "window": "dur=1.00",
            "compute": "dur=21.40",
            "return": "",
            "batch": 'desc="17"',
        }


def test_the_return_is_all_that_the_batcher_did_not_see():
    timing = Timing(queue=0.010, window=0.020, compute=0.030, batch_size=4)

    assert stages(timing, elapsed=0.065).back == pytest.approx(0.005)


def test_the_return_is_never_negative():
    assert stages(Timing(compute=0.030), elapsed=0.020).back == 0.0


async def test_server_timing_can_be_switched_off():
    async with running(server_timing=False) as jitney:
        answer = await jitney.ask("life")

        assert "server-timing" not in answer.headers


async def test_a_client_s_request_id_is_echoed():
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"X-Request-ID": "order-66/a"})

        assert answer.headers["x-request-id"] == "order-66/a"


@pytest.mark.parametrize("bad", ["two words", "semi;colon", "a" * 129, "<b>"])
async def test_a_request_id_with_odd_characters_is_replaced(bad):
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"X-Request-ID": bad})

        assert len(answer.headers["x-request-id"]) == 32


async def test_requests_without_an_id_get_different_ones():
    async with running() as jitney:
        answers = [await jitney.ask("life") for _ in range(2)]

        assert len({answer.headers["x-request-id"] for answer in answers}) == 2


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "application/vnd.api+json", None]
)
async def test_json_by_any_name_and_no_name_is_read(kind):
    async with running() as jitney:
        headers = {"content-type": kind} if kind else {}
        body = b'{"payload": {"records": [{"id": 1, "text": "a"}]}}'

        answer = await jitney.client.post("/models/echo", content=body, headers=headers)

        assert answer.status_code == 200


async def test_a_body_in_many_chunks_is_one_body():
    async def chunks():
        for byte in b'{"payload": {"records": [{"id": 1, "text": "a"}]}}':
            yield bytes([byte])

    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=chunks())

        assert answer.json() == {"result": [{"id": 1, "text": "A"}]}


@pytest.mark.parametrize(
    ("texts", "status"),
    [
        pytest.param(["life"], 200, id="an answer"),
        pytest.param([], 200, id="no records"),
        pytest.param(["life", "fail:poison"], 200, id="some records failed"),
        pytest.param(["fail:model_error"], 500, id="all records failed"),
        pytest.param(["impossible"], 422, id="nothing was computed"),
        pytest.param(["life"] * 257, 413, id="too many records"),
        pytest.param(["bug"], 500, id="a bug in the codec"),
    ],
)
async def test_every_answer_names_its_model_an_error_too(texts, status):
    async with running() as jitney:
        answer = await jitney.ask(*texts)

        assert (answer.status_code, answer.headers["jitney-model"]) == (status, "echo@r1")


async def test_a_body_that_cannot_be_read_is_answered_in_the_name_of_the_model_that_its_address_names():
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b"{")

        assert (answer.status_code, answer.headers["jitney-model"]) == (400, "echo@r1")


async def test_where_no_model_was_chosen_none_is_named():
    async with running() as jitney:
        answers = [await jitney.client.get("/v1/models"), await jitney.ask("life", path="/models/other")]

        assert [("jitney-model" in answer.headers) for answer in answers] == [False, False]


async def test_an_answer_that_two_revisions_gave_names_both():
    async with running(ScriptedBroker(answers=False)) as jitney, jitney.asked("one", "two") as asking:
        first, _ = jitney.broker.jobs
        jitney.broker.publish(answered(first))
        await jitney.until(lambda: jitney.front_end.pending.waiting[0].left == 1)
        jitney.broker.answers = True
        jitney.broker.announcements = [announced(card(revision="r2"), since=2.0), announced(card(), batchers=0)]
        await jitney.look()

        answer = await asking

        assert answer.json()["result"] == [{"id": 0, "text": "ONE"}, {"id": 1, "text": "TWO"}]
        assert answer.headers["jitney-model"] == "echo@r1, echo@r2"


async def test_an_answer_of_the_revision_after_the_one_that_ended_names_that_one():
    async with running(ScriptedBroker(answers=False)) as jitney, jitney.asked("one") as asking:
        jitney.broker.answers = True
        jitney.broker.announcements = [announced(card(revision="r2"), since=2.0), announced(card(), batchers=0)]
        await jitney.look()

        assert (await asking).headers["jitney-model"] == "echo@r2"
