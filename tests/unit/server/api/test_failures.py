"""What fails while it is computed: its record has an error, or the whole request, and no internals leak."""

from __future__ import annotations

import pytest

from broker.messages import Failure, FailureCode
from server.codecs.work import UNBOUNDED
from server.http.addresses import Addresses
from server.http.layers.middleware import RequestMiddleware
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, running, told

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("code", ["model_error", "poison"])
async def test_a_job_s_failure_is_the_answer_when_nothing_else_came_back(code):
    async with running() as jitney:
        answer = await jitney.ask(f"fail:{code}")

        assert told(answer) == (500, code)


async def test_a_codec_s_bug_is_500_without_internals():
    async with running() as jitney:
        answer = await jitney.ask("bug")

        assert told(answer) == (500, "internal")
        assert "secret" not in answer.text


class PanicException(BaseException):
    """As Rust's bindings have it: no `Exception`, and in its words the text that was read."""


class Panicking(WordCodec):
    def encode(self, text, options, work=UNBOUNDED):
        if text == "panic":
            raise PanicException(f"byte index 1 is not a char boundary of `{text} secret`")
        return super().encode(text, options, work)

    def decode(self, plan, outputs):
        if "PANIC" in outputs:
            raise PanicException("secret")
        return super().decode(plan, outputs)


@pytest.mark.parametrize(
    "texts", [("panic", "fine"), ("a panic", "fine"), ("panic", "fine " * 10_000)], ids=["encode", "decode", "thread"]
)
async def test_a_panic_in_a_tokenizer_ends_its_record_alone(texts, capsys):
    async with running(make_codec=Panicking, max_queue_jobs=20_000) as jitney:
        answer = await jitney.ask(*texts)

        assert [row.get("error", {}).get("code") for row in answer.json()["result"]] == ["internal", None]
        assert "secret" not in answer.text + "".join(capsys.readouterr())
        assert (await jitney.ask("next")).status_code == 200


async def test_outputs_that_cannot_be_decoded_are_500_without_internals():
    async with running() as jitney:
        answer = await jitney.ask("undecodable")

        assert told(answer) == (500, "internal")
        assert "secret" not in answer.text


async def test_outputs_that_cannot_be_decoded_are_an_error_in_the_place_of_their_record():
    async with running() as jitney:
        answer = await jitney.ask("undecodable", "b")

        assert [row.get("error", {}).get("code") for row in answer.json()["result"]] == ["internal", None]


async def test_a_crash_after_the_answer_has_begun_adds_nothing_to_it():
    sent = []

    async def begin_and_crash(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("secret internals")

    async def send(message):
        sent.append(message["type"])

    async with running() as jitney:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await RequestMiddleware(Addresses(begin_and_crash), jitney.front_end)(scope, None, send)

        assert sent == ["http.response.start"]


async def test_what_nobody_expected_is_500_without_internals_and_the_next_request_is_fine(monkeypatch):
    def explode(*arguments):
        raise RuntimeError("secret internals")

    async with running() as jitney:
        with monkeypatch.context() as patched:
            patched.setattr(jitney.front_end.pending, "expect", explode)
            crashed = await jitney.ask("life")
        fine = await jitney.ask("life")

        assert told(crashed) == (500, "internal")
        assert "secret" not in crashed.text
        assert fine.status_code == 200


async def test_a_request_that_cannot_travel_is_500_and_its_companions_are_not():
    broker = ScriptedBroker()
    async with running(broker) as jitney:
        broker.admit_errors = [TypeError("cannot travel")]

        answer = await jitney.ask("life")

        assert told(answer) == (500, "internal")


async def test_a_record_that_cannot_be_encoded_is_an_error_in_its_place():
    async with running() as jitney:
        answer = await jitney.ask("a", "impossible", "b")

        assert answer.json()["result"] == [
            {"id": 0, "text": "A"},
            {"id": 1, "error": {"code": "invalid_input", "message": "this text is impossible"}},
            {"id": 2, "text": "B"},
        ]


async def test_of_sixteen_records_one_that_fails_leaves_fifteen():
    async with running() as jitney:
        answer = await jitney.ask(*["a"] * 7, "fail:poison", *["a"] * 8)

        rows = answer.json()["result"]
        assert [row.get("text") for row in rows] == ["A"] * 7 + [None] + ["A"] * 8
        assert rows[7] == {"id": 7, "error": {"code": "poison", "message": "fail:poison happened"}}


async def test_a_record_with_one_failed_piece_has_failed():
    async with running() as jitney:
        answer = await jitney.ask("one fail:model_error three", "b")

        assert [row.get("error", {}).get("code") for row in answer.json()["result"]] == ["model_error", None]


async def test_the_other_pieces_of_a_failed_record_are_cancelled():
    broker = ScriptedBroker(answers=False)
    async with running(broker) as jitney, jitney.asked("one two three", "b") as asked:
        jobs = broker.jobs
        broker.publish(Failure(job_id=jobs[1].id, code=FailureCode.MODEL_ERROR, message="no"))

        await jitney.until(lambda: broker.cancelled)

        assert broker.cancelled == {job.id for job in jobs[:3]}
        assert not asked.done()


async def test_when_all_records_fail_the_answer_is_the_first_one_s_failure():
    async with running() as jitney:
        answer = await jitney.ask("fail:poison", "impossible")

        assert told(answer) == (500, "poison")
