"""A request whose records are sent as they end."""

from __future__ import annotations

import asyncio

import pytest

from broker.messages import FailureCode, Verdict
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, announced, answered, card, running
from tests.unit.server.streams.reader import EVENTS, NDJSON, read, streaming

pytestmark = pytest.mark.anyio


def slow() -> ScriptedBroker:
    """It answers what the test publishes."""
    return ScriptedBroker(answers=False)


async def test_rows_are_those_of_the_reply_with_the_place_of_each_and_an_end():
    async with running() as jitney:
        told = await read(jitney, "a", "b", ids=["x", "x"])

        *rows, end = told.rows
        assert (told.status, told.headers["content-type"]) == (200, NDJSON)
        assert rows == [{"id": "x", "index": 0, "text": "A"}, {"id": "x", "index": 1, "text": "B"}]
        assert {"done": True, "records": 2, "failed": 0, "model": "echo@r1"}.items() <= end.items()
        assert told.is_complete


async def test_a_record_is_sent_while_others_are_still_computed():
    async with running(slow()) as jitney, streaming(jitney, "long", "short") as (reader, asking):
        await jitney.broker.admitted.wait()
        long, short = jitney.broker.jobs

        jitney.broker.publish(answered(short))
        await jitney.until(lambda: reader.pieces)
        assert reader.rows == [{"id": 1, "index": 1, "text": "SHORT"}]
        assert not asking.done()

        jitney.broker.publish(answered(long))
        await asking
        assert [row.get("text") for row in reader.rows] == ["SHORT", "LONG", None]


async def test_a_record_of_several_pieces_is_sent_once_all_are_there():
    async with running(slow()) as jitney, streaming(jitney, "one two", "three") as (reader, asking):
        await jitney.broker.admitted.wait()
        one, two, three = jitney.broker.jobs

        jitney.broker.publish(answered(two), answered(three))
        await jitney.until(lambda: reader.pieces)
        assert [row["text"] for row in reader.rows] == ["THREE"]

        jitney.broker.publish(answered(one))
        await asking
        assert reader.rows[1]["text"] == "ONE TWO"


async def test_events_have_names_and_count_what_was_sent():
    async with running() as jitney:
        told = await read(jitney, "a", "fail:poison", accept=EVENTS)

        assert told.headers["content-type"] == EVENTS
        assert [(name, number) for name, number, _ in told.events] == [("record", "1"), ("record", "2"), ("done", "2")]
        assert told.events[0][2] == {"id": 0, "index": 0, "text": "A"}
        assert told.events[2][2]["failed"] == 1


async def test_nothing_on_the_way_keeps_a_stream_or_packs_it():
    async with running() as jitney:
        headers = (await read(jitney, "a")).headers

        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
        assert "content-encoding" not in headers and "content-length" not in headers


async def test_a_record_that_fails_has_its_error_in_its_row():
    async with running() as jitney:
        told = await read(jitney, "fail:model_error", "b")

        error = {"code": "model_error", "message": "fail:model_error happened"}
        assert {"id": 0, "index": 0, "error": error} in told.rows
        assert told.rows[-1]["failed"] == 1
        assert jitney.front_end.metrics.failed_records == {("echo", "model_error"): 1}


async def test_a_failure_waits_for_the_first_answer():
    async with running(slow()) as jitney, streaming(jitney, "fail:poison", "b") as (reader, asking):
        await jitney.broker.admitted.wait()
        bad, good = jitney.broker.jobs

        jitney.broker.publish(answered(bad))
        await jitney.until(lambda: not jitney.broker.outbox)
        await asyncio.sleep(0)
        assert reader.status == 0

        jitney.broker.publish(answered(good))
        await asking
        assert [row.get("index") for row in reader.rows] == [0, 1, None]


@pytest.mark.parametrize(
    ("texts", "status", "code"),
    [
        pytest.param(["fail:poison", "fail:model_error"], 500, "poison", id="by the model: the first one's"),
        pytest.param(["impossible", "fail:poison"], 422, "invalid_input", id="before and in the model"),
        pytest.param(["undecodable"], 500, "internal", id="after it"),
    ],
)
async def test_where_every_record_fails_the_status_is_that_of_a_call_without_a_stream(texts, status, code):
    async with running() as jitney:
        told = await read(jitney, *texts)
        without = await jitney.ask(*texts)

        assert (told.status, told.rows[0]["code"]) == (status, code) == (without.status_code, without.json()["code"])
        assert told.headers["content-type"] == "application/problem+json"


async def test_a_request_that_is_refused_is_told_so_as_ever():
    broker = ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=7))
    async with running(broker) as jitney:
        told = await read(jitney, "", "a")  # the empty one needs no job, and still waits for the verdict

        assert (told.status, told.rows[0]["code"]) == (429, "contended")
        assert "retry-after" in told.headers


async def test_a_body_that_cannot_be_read_is_told_so_as_ever():
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b"{", headers={"accept": EVENTS})

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_a_request_without_jobs_is_answered_at_once():
    async with running() as jitney:
        none, empty = await read(jitney), await read(jitney, "")

        assert [row.get("records") for row in none.rows] == [0]
        assert empty.rows[0] == {"id": 0, "index": 0, "text": ""}


async def test_warnings_and_times_stand_in_the_end():
    async with running(ScriptedBroker([announced(card(task="embedding"))])) as jitney:
        end = (await read(jitney, "a", path="/embedding", colour="red")).rows[-1]

        assert end["warnings"] == ["'colour' in the payload is not known and is not read."]
        assert {"queue": 0.003, "compute": 0.0214, "batchSize": 17}.items() <= end["timing"].items()


async def test_at_the_deadline_what_is_left_gets_its_error_and_the_stream_its_end():
    async with running(slow()) as jitney, streaming(jitney, "a", "b", "c", timeout=0.3) as (reader, asking):
        await jitney.broker.admitted.wait()
        jitney.broker.publish(answered(jitney.broker.jobs[1]))
        await asking

        first, second, third, end = reader.rows
        assert first["text"] == "B"
        assert [(row["id"], row["error"]["code"]) for row in (second, third)] == [(0, "expired"), (2, "expired")]
        assert (end["done"], end["failed"]) == (True, 2)
        assert reader.is_complete


async def test_at_the_deadline_with_nothing_sent_the_request_has_expired():
    async with running(slow()) as jitney:
        told = await read(jitney, "a", "b", timeout=0.02)

        assert (told.status, told.rows[0]["code"]) == (504, "expired")


async def test_a_client_that_has_gone_cancels_what_is_left():
    async with running(slow()) as jitney, streaming(jitney, "a", "b", "c") as (reader, asking):
        await jitney.broker.admitted.wait()
        jobs = jitney.broker.jobs
        jitney.broker.publish(answered(jobs[0]))
        await jitney.until(lambda: reader.pieces)

        reader.gone.set()
        await asking
        await jitney.until(lambda: jitney.broker.cancelled)

        assert {job.id for job in jobs[1:]} <= jitney.broker.cancelled
        assert jitney.front_end.metrics.requests == {("/models/{name}", "POST", "499"): 1}
        assert (len(jitney.front_end.pending), jitney.front_end.bytes_in_hand.held) == (0, 0)


async def test_a_silent_stream_of_events_says_that_it_lives(monkeypatch):
    monkeypatch.setattr("server.streams.rows.HEARTBEAT", 0.0)
    async with running(slow()) as jitney, streaming(jitney, "a", "b", accept=EVENTS) as (reader, asking):
        await jitney.broker.admitted.wait()
        one, two = jitney.broker.jobs
        jitney.broker.publish(answered(one))
        await jitney.until(lambda: reader.body.endswith(b"\n\n:\n\n:\n\n"))

        jitney.broker.publish(answered(two))
        await asking
        assert [name for name, _, _ in reader.events] == ["record", "record", "done"]


async def test_nothing_that_is_no_line_of_json_is_among_lines(monkeypatch):
    monkeypatch.setattr("server.streams.rows.HEARTBEAT", 0.0)
    async with running(slow()) as jitney, streaming(jitney, "a", "b") as (reader, asking):
        await jitney.broker.admitted.wait()
        one, two = jitney.broker.jobs
        jitney.broker.publish(answered(one))
        await jitney.until(lambda: reader.pieces)
        for _ in range(20):
            await asyncio.sleep(0)
        assert reader.pieces == 1

        jitney.broker.publish(answered(two))
        await asking


async def test_a_crash_on_the_way_is_told_and_no_end_follows():
    class Broken(WordCodec):
        def decode(self, plan, outputs):
            return {"text": object()} if outputs == ["BAD"] else super().decode(plan, outputs)

    async with running(slow(), make_codec=Broken) as jitney, streaming(jitney, "a", "bad") as (reader, asking):
        await jitney.broker.admitted.wait()
        good, bad = jitney.broker.jobs
        jitney.broker.publish(answered(good))
        await jitney.until(lambda: reader.pieces)
        jitney.broker.publish(answered(bad))
        await asking

        assert reader.rows[1] == {
            "done": False,
            "error": {"code": "internal", "message": "The error has been logged; the request id finds it."},
        }
        assert reader.is_complete


async def test_what_needs_all_records_is_answered_as_ever():
    async with running(ScriptedBroker([announced(card(task="rerank"))])) as jitney:
        for path in ("/rerank", "/models/echo"):
            answer = await jitney.ask("a", path=path, headers={"accept": NDJSON}, query="q")

            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


async def test_streamed_records_are_counted():
    async with running() as jitney:
        await read(jitney, "a", "b")

        assert jitney.front_end.metrics.streamed_records == {("echo",): 2}


async def test_the_place_of_a_record_is_no_model_s_to_say():
    class Counting(WordCodec):
        def decode(self, plan, outputs):
            return {"index": 99, "id": "mine", "text": "a"}

    async with running(make_codec=Counting) as jitney:
        told = await read(jitney, "a", "b")

        assert told.rows[:2] == [{"id": 0, "index": 0, "text": "a"}, {"id": 1, "index": 1, "text": "a"}]


async def test_a_silence_before_the_first_answer_is_not_broken(monkeypatch):
    monkeypatch.setattr("server.streams.rows.HEARTBEAT", 0.0)
    async with running(slow()) as jitney, streaming(jitney, "a", accept=EVENTS) as (reader, asking):
        await jitney.broker.admitted.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert reader.status == 0  # it may still be that of a problem

        jitney.broker.publish(*(answered(job) for job in jitney.broker.jobs))
        await asking
        assert reader.body.startswith(b"event: record")


async def test_where_its_time_went_is_counted_as_without_a_stream():
    async with running() as jitney:
        await read(jitney, "a")

        assert jitney.front_end.metrics.stages["echo", "compute"].total == 0.0214


@pytest.mark.parametrize("texts", [["fail:poison"], ["fail:poison", "b"]], ids=["all", "some"])
async def test_jobs_that_failed_stand_in_one_line_of_the_log(texts, capsys):
    async with running() as jitney:
        await read(jitney, *texts)

        (line,) = [line for line in capsys.readouterr().out.splitlines() if "records failed" in line]
        assert jitney.broker.jobs[0].id in line


async def test_another_method_is_refused_as_ever():
    async with running() as jitney:
        answer = await jitney.client.head("/models/echo", headers={"accept": NDJSON})

        assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


async def test_a_request_for_which_nobody_waits_is_kept_as_one_reply():
    async with running() as jitney:
        accepted = await jitney.ask("a", headers={"accept": NDJSON, "prefer": "respond-async"})
        kept = await jitney.client.get(accepted.headers["location"] + "/result", params={"wait": 30})

        assert (accepted.status_code, kept.status_code) == (202, 200)
        assert kept.json() == {"result": [{"id": 0, "text": "A"}]}
