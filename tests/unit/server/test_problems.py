"""Every way a request fails has its status, its code and its document."""

from __future__ import annotations

import msgspec
import pytest

from broker.errors import BrokerFull, BrokerUnavailable
from broker.messages import Failure, FailureCode, Speed, Verdict
from server.api.schema import ProblemDocument
from server.codecs.contract import CodecError
from server.codecs.work import UNBOUNDED
from server.errors import KINDS, Problem, document, headers, problem_of, retry_after, whole_seconds
from server.http.context import RequestMiddleware
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, announced, card, running

pytestmark = pytest.mark.anyio


def told(answer):
    return answer.status_code, answer.json()["code"]


def test_every_failure_code_has_a_kind():
    assert set(FailureCode) - KINDS.keys() == set()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("malformed", 400),
        ("not_found", 404),
        ("unknown_model", 404),
        ("method_not_allowed", 405),
        ("request_timeout", 408),
        ("too_large", 413),
        ("unsupported_media_type", 415),
        ("invalid_input", 422),
        ("unknown_language", 422),
        ("contended", 429),
        ("headers_too_large", 431),
        ("model_error", 500),
        ("poison", 500),
        ("internal", 500),
        ("no_batcher", 503),
        ("broker_unavailable", 503),
        ("broker_full", 503),
        ("overloaded", 503),
        ("expired", 504),
    ],
)
def test_a_code_has_one_status(code, status):
    assert Problem(code, "").status == status


def test_the_status_table_above_is_complete():
    assert len(KINDS) == 19


async def test_a_problem_is_a_document_of_rfc_9457():
    async with running() as jitney:
        answer = await jitney.ask("fail:model_error", headers={"X-Request-ID": "abc"})

        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "urn:jitney:problem:model_error",
            "title": "The model failed on this input",
            "status": 500,
            "detail": "fail:model_error happened",
            "instance": "urn:jitney:request:abc",
            "code": "model_error",
            "request_id": "abc",
        }


async def test_a_problem_echoes_the_request_id_as_a_header():
    async with running() as jitney:
        answer = await jitney.client.get("/nowhere", headers={"X-Request-ID": "abc"})

        assert answer.headers["x-request-id"] == "abc"


# 400


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b'{"payload"', id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no payload"),
        pytest.param(b'{"payload": {}}', id="no records"),
        pytest.param(b'{"payload": {"records": {}}}', id="records are an object"),
        pytest.param(b'{"payload": {"records": [{"text": "a"}]}}', id="a record without id"),
        pytest.param(b'{"payload": {"records": [{"id": 1}]}}', id="a record without text"),
        pytest.param(b'{"payload": {"records": [{"id": 1.5, "text": "a"}]}}', id="an id that is a fraction"),
        pytest.param(b'{"payload": {"records": [{"id": true, "text": "a"}]}}', id="an id that is a boolean"),
        pytest.param(b'{"payload": {"records": [{"id": 1, "text": 2}]}}', id="a text that is a number"),
        pytest.param(b'{"payload": {"records": [{"id": 1, "text": "\xff"}]}}', id="not UTF-8"),
        pytest.param(b'{"payload": {"records": [{"id": 1, "text": "\\ud800"}]}}', id="half a surrogate pair"),
        pytest.param(b'{"payload": {"records": [], "deep": ' + b"[" * 100_000, id="nested without end"),
        pytest.param(b'{"payload": {"records": [{"id": ' + b"9" * 10_000 + b', "text": "a"}]}}', id="an endless id"),
    ],
)
async def test_a_malformed_body_is_400(body):
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=body)

        assert told(answer) == (400, "malformed")


async def test_a_malformed_body_is_told_where():
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b'{"payload": {"records": [{"id": 1, "text": 2}]}}')

        assert "$.payload.records[0].text" in answer.json()["detail"]


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", "600.1", ""])
async def test_a_timeout_that_is_no_number_in_range_is_400(value):
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"X-Request-Timeout": value})

        assert told(answer) == (400, "malformed")


async def test_a_top_k_below_one_is_400():
    async with running(ScriptedBroker([announced(card(task="classification"))])) as jitney:
        answer = await jitney.ask("life", path="/classification", topK=0)

        assert told(answer) == (400, "malformed")


async def test_a_model_by_name_asks_for_the_fields_of_its_task():
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", fromLang="en")

        assert told(answer) == (400, "malformed")


# 404 and 405


async def test_a_name_never_seen_is_404_with_the_live_models():
    async with running() as jitney:
        answer = await jitney.ask("life", path="/models/ecko")

        assert told(answer) == (404, "unknown_model")
        assert answer.json()["detail"] == "There is no model 'ecko'. Live models: echo."


async def test_of_a_name_without_end_only_the_beginning_is_repeated():
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", path="/translation", model="e" * 500_000, fromLang="en", toLang="fr")

        assert told(answer) == (404, "unknown_model")
        assert len(answer.content) < 1000


async def test_a_model_of_another_task_is_404_with_those_of_this_one():
    models = [announced(card("echo")), announced(card("vectors", task="embedding"))]
    async with running(ScriptedBroker(models)) as jitney:
        answer = await jitney.ask("life", path="/embedding", model="echo")

        assert told(answer) == (404, "unknown_model")
        assert answer.json()["detail"] == "Model 'echo' is for echoing, not for embedding. Live models: vectors."


@pytest.mark.parametrize("path", ["/", "/translation/", "/models/", "/models/a/b", "/v2/models"])
async def test_an_unknown_address_is_404(path):
    async with running() as jitney:
        answer = await jitney.client.get(path)

        assert told(answer) == (404, "not_found")


async def test_a_wrong_method_is_405_with_the_right_one():
    async with running() as jitney:
        answer = await jitney.client.get("/translation")

        assert told(answer) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "byte order mark"),
        (b'{"deep": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"payload": "\\ud800"}', "a lone surrogate"),
        (b'{"payload": "a\\udc00b"}', "a lone surrogate"),
        (b'{"payload": "\\ud800\\u0041"}', "a lone surrogate"),
        (b'{"payload": {"records": [{"id": 1, "text": "\xed\xa0\x80"}]}}', "a lone surrogate"),
        (b'{"payload": {"records": [{"id": 1, "text": "\xff"}]}}', "it is not UTF-8"),
        (b'{"payload": NaN}', "invalid character (byte 12)"),
        (b'{"payload": ', "input data was truncated"),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_why(body, reason):
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=body)

        assert told(answer) == (400, "malformed")
        assert reason in answer.json()["detail"]


async def test_a_number_beyond_all_numbers_in_a_model_s_own_field_is_400():
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b'{"payload": {"records": [], "size": 1e999}}')

        assert told(answer) == (400, "malformed")


# 413


async def test_a_body_over_the_limit_is_413():
    async with running(max_body_bytes=100) as jitney:
        answer = await jitney.ask("x" * 100)

        assert told(answer) == (413, "too_large")


async def test_a_body_that_says_it_is_too_large_is_not_even_read():
    async with running(max_body_bytes=100) as jitney:
        answer = await jitney.client.post("/models/echo", content=b"{", headers={"content-length": "101"})

        assert told(answer) == (413, "too_large")


async def test_a_body_that_says_an_endless_size_is_413():
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b"{", headers={"content-length": "9" * 5_000})

        assert told(answer) == (413, "too_large")


async def test_a_body_that_does_not_say_its_size_is_read_up_to_the_limit():
    sent = []

    async def endless():
        while len(sent) < 1_000:
            sent.append(b"x" * 10)
            yield sent[-1]

    async with running(max_body_bytes=100) as jitney:
        answer = await jitney.client.post("/models/echo", content=endless())

        assert told(answer) == (413, "too_large")
        assert len(sent) < 20


async def test_a_body_of_exactly_the_limit_is_read():
    body = b'{"payload": {"records": [{"id": 1, "text": "a"}]}}'
    async with running(max_body_bytes=len(body)) as jitney:
        answer = await jitney.client.post("/models/echo", content=body)

        assert answer.status_code == 200


async def test_too_many_records_are_413():
    async with running(max_records=2) as jitney:
        answer = await jitney.ask("a", "b", "c")

        assert told(answer) == (413, "too_large")
        assert answer.json()["limit"] == 2


ROWS = b'{"id": 1, "text": ""},' * 5_000


@pytest.mark.parametrize(
    "extra",
    [b'"x": [' + b"[]," * 40_000 + b"[]],", b'"records": [' + ROWS + b'{"id": 1, "text": ""}],'],
    ids=["a large one", "records that others replace"],
)
async def test_further_fields_beyond_their_bound_are_413(extra):
    async with running() as jitney:
        body = b'{"payload": {%b "records": [{"id": 1, "text": "one"}]}}' % extra

        assert told(await jitney.client.post("/models/echo", content=body)) == (413, "too_large")


async def test_large_texts_do_not_count_as_further_fields():
    async with running() as jitney:
        answer = await jitney.ask("one " * 9_000 + " " * 100_000, style="plain")

        assert answer.json()["result"][0]["options"] == {"style": "plain"}


async def test_texts_of_more_jobs_than_may_ever_wait_are_413():
    async with running(max_queue_jobs=3) as jitney:
        answer = await jitney.ask("one two", "three four")

        assert told(answer) == (413, "too_large")
        assert jitney.broker.trips == []


# 415


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_another_content_type_is_415(kind):
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b"{}", headers={"content-type": kind})

        assert told(answer) == (415, "unsupported_media_type")


async def test_a_compressed_body_is_415():
    async with running() as jitney:
        answer = await jitney.ask("life", headers={"content-encoding": "gzip"})

        assert told(answer) == (415, "unsupported_media_type")


# 422


async def test_an_unknown_language_is_422_with_the_known_ones():
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", path="/translation", fromLang="tlh", toLang="ja")

        assert told(answer) == (422, "unknown_language")
        assert answer.json()["languages"] == ["en", "ja"]


async def test_one_impossible_record_alone_is_422():
    async with running() as jitney:
        answer = await jitney.ask("impossible")

        assert told(answer) == (422, "invalid_input")
        assert answer.json()["detail"] == "this text is impossible"


def test_a_codec_s_unheard_of_code_is_invalid_input():
    assert problem_of(CodecError("odd", code="odd")).code == "invalid_input"


# 429


async def test_a_refused_request_is_429():
    async with running(ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=500))) as jitney:
        answer = await jitney.ask("life")

        assert told(answer) == (429, "contended")


async def test_the_retry_after_of_429_is_what_waits_over_what_the_batchers_give():
    busy = announced(card(), batchers=2, speed=Speed(fixed=0.5, per_job=0.005), room=100)  # 2 × 100 jobs a second
    broker = ScriptedBroker([busy], verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=1_900))
    async with running(broker) as jitney:
        answer = await jitney.ask("life")

        assert answer.headers["retry-after"] == "10"


async def test_the_retry_after_of_429_is_one_while_no_batcher_knows_its_speed():
    async with running(ScriptedBroker(verdict=Verdict(refusal=FailureCode.CONTENDED, waiting=1_900))) as jitney:
        answer = await jitney.ask("life")

        assert answer.headers["retry-after"] == "1"


async def test_a_request_that_would_be_too_late_is_429_and_told_when_to_come_back():
    busy = announced(card(), speed=Speed(fixed=0.5, per_job=0.005), room=100)  # 100 jobs a second
    broker = ScriptedBroker([busy], verdict=Verdict(refusal=FailureCode.CONTENDED, ahead=449))
    async with running(broker) as jitney:
        answer = await jitney.ask("life", headers={"X-Request-Timeout": "2"})

        assert told(answer) == (429, "contended")
        assert answer.headers["retry-after"] == "5"  # 0.5 + 4/3 × (5 × 0.5 + 450 × 0.005) - 2 = 4.8


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, 1), (0.0, 1), (0.2, 1), (1.0, 1), (1.1, 2), (59.5, 60), (4_000.0, 60)]
)
def test_retry_after_is_whole_seconds_and_at_least_one(seconds, said):
    assert whole_seconds(seconds) == said


@pytest.mark.parametrize(("away", "waits"), [(0.0, 1.0), (1.0, 1.0), (10.0, 5.0), (10_000.0, 30.0)])
def test_the_longer_something_is_away_the_later_one_is_asked_back(away, waits):
    assert retry_after(away) == waits


@pytest.mark.parametrize("code", sorted(KINDS))
def test_only_429_and_503_ask_to_come_back(code):
    problem = Problem(code, "")

    names = [name for name, _ in headers(problem, 0)]

    assert (b"retry-after" in names) == (problem.status in (429, 503))


# 500


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
        await RequestMiddleware(begin_and_crash, jitney.front_end)(scope, None, send)

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


# 503


async def test_a_known_model_without_batcher_is_503():
    async with running(ScriptedBroker([announced(card(), batchers=0)])) as jitney:
        answer = await jitney.ask("life")

        assert told(answer) == (503, "no_batcher")
        assert answer.headers["retry-after"] == "1"


async def test_a_model_that_left_is_503_and_not_404():
    async with running() as jitney:
        jitney.broker.announcements = []
        await jitney.look()

        answer = await jitney.ask("life")

        assert told(answer) == (503, "no_batcher")


async def test_the_retry_after_of_a_missing_batcher_grows_with_its_absence(clock):
    async with running(clock=clock) as jitney:
        jitney.broker.announcements = []
        await jitney.look()
        clock.tick(20.0)

        answer = await jitney.ask("life")

        assert answer.headers["retry-after"] == "10"


async def test_a_task_without_any_card_is_503():
    async with running() as jitney:
        answer = await jitney.ask("life", path="/translation", fromLang="en", toLang="ja")

        assert told(answer) == (503, "no_batcher")


async def test_before_the_broker_was_met_everything_is_503():
    async with running(ScriptedBroker(look_error=BrokerUnavailable()), met=False) as jitney:
        answer = await jitney.ask("life")

        assert told(answer) == (503, "broker_unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_a_broker_out_of_memory_is_503():
    async with running(ScriptedBroker(admit_errors=[BrokerFull()])) as jitney:
        answer = await jitney.ask("life")

        assert told(answer) == (503, "broker_full")
        assert answer.headers["retry-after"] == "1"


# 504


async def test_a_request_without_outcome_is_504_at_its_deadline():
    async with running(ScriptedBroker(answers=False)) as jitney:
        answer = await jitney.ask("life", headers={"X-Request-Timeout": "0.01"})

        assert told(answer) == (504, "expired")
        assert answer.json()["detail"] == "There was no answer within 0.01 seconds."


async def test_a_body_that_never_ends_is_408_at_its_deadline():
    async def stalled():
        yield b'{"payload": '
        await jitney.until(lambda: False)

    async with running() as jitney:
        headers = {"X-Request-Timeout": "0.01"}

        answer = await jitney.client.post("/models/echo", content=stalled(), headers=headers)

        assert told(answer) == (408, "request_timeout")
        assert answer.headers["connection"] == "close"


# Records


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


def test_documents_match_their_schema():
    written = document(Problem("no_batcher", "none", languages=["en"]), "abc")

    assert msgspec.json.decode(written, type=ProblemDocument).code == "no_batcher"
