"""How calls are sent, held for both clients: one deadline, tries that pass it on, and errors in our words."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from jitney.client import (
    BadReply,
    CannotReach,
    Contended,
    Expired,
    InvalidInput,
    JitneyError,
    ModelFailed,
    TimedOut,
    UnknownLanguage,
    calls,
)
from jitney.client.calls import Call
from jitney.client.policy.window import Bounds
from jitney.client.sending.awaited import AsyncPrediction, AsyncSender
from jitney.client.sending.blocking import Prediction, Sender
from tests.conftest import FakeClock
from tests.unit.jitney.client.scripted import Scripted, options, refusal

HELLO = calls.translate("hello", to="fr", from_="en")
DOCUMENT = {"id": "p1", "records": 1, "done": 0, "failed": 0}


@dataclass
class Sending:
    """Either client, as one that waits."""

    server: Scripted
    is_async: bool

    def run(self, call: Call[Any], **changes: Any) -> Any:
        return self._with(changes, lambda sender: sender.run(call))

    def many(self, texts: Iterable[str], **changes: Any) -> list[Any]:
        def make(few: list[str]) -> Any:
            return calls.translate(few, to="fr")

        bounds = Bounds(window=4, per_request=2)
        if not self.is_async:
            return self._with(changes, lambda sender: list(sender.many(make, texts, bounds)))

        async def collected(sender: AsyncSender) -> list[Any]:
            return [answer async for answer in sender.many(make, texts, bounds)]

        return self._with(changes, collected)

    def prediction(self, do: Callable[[Any], Any], **changes: Any) -> Any:
        kind: Any = AsyncPrediction if self.is_async else Prediction
        return self._with(changes, lambda sender: do(kind(sender, "p1", HELLO)))

    def _with(self, changes: Any, do: Callable[[Any], Any]) -> Any:
        clock = self.server.clock
        if not self.is_async:
            with httpx2.Client(transport=httpx2.MockTransport(self.server)) as http:
                return do(Sender(http, options(**changes), clock=clock, sleep=clock.tick))

        async def sleep(seconds: float) -> None:
            clock.tick(seconds)

        async def main() -> Any:
            async with httpx2.AsyncClient(transport=httpx2.MockTransport(self.server.awaited)) as http:
                return await do(AsyncSender(http, options(**changes), clock=clock, sleep=sleep))

        return asyncio.run(main())


@pytest.fixture(params=[False, True], ids=["Jitney", "AsyncJitney"])
def sending(request: pytest.FixtureRequest, clock: FakeClock) -> Sending:
    return Sending(Scripted(clock), request.param)


def test_a_call_goes_to_its_address_below_the_url(sending: Sending) -> None:
    answer = sending.run(HELLO)

    [request] = sending.server.asked
    assert (request.method, str(request.url)) == ("POST", "http://jitney.test/prefix/translation")
    assert answer.text == "HELLO"


def test_the_server_is_told_how_much_time_is_left(sending: Sending) -> None:
    sending.server.replies = [refusal(429, "contended", retry_after="7"), refusal(503, "no_batcher", retry_after="3")]
    sending.server.takes = 2.0

    sending.run(HELLO, timeout=30.0)

    assert sending.server.sent("x-request-timeout") == ["29.000", "20.000", "15.200"]


def test_the_server_is_never_told_more_than_it_takes(sending: Sending) -> None:
    sending.run(HELLO, timeout=86400.0)

    assert sending.server.sent("x-request-timeout") == ["600.000"]


def test_a_server_that_takes_less_time_is_asked_again_with_as_much_as_it_takes(sending: Sending) -> None:
    said = "X-Request-Timeout must be a number of seconds, 0.001 to 30"
    sending.server.replies = [(400, {}, {"code": "malformed", "detail": said})]

    assert sending.run(HELLO, timeout=60.0, max_retries=0).text == "HELLO"
    assert sending.server.sent("x-request-timeout") == ["59.000", "30.000"]


def test_a_pause_beyond_the_deadline_is_not_waited_for(sending: Sending) -> None:
    sending.server.replies = [refusal(429, "contended", retry_after="60")]
    before = sending.server.clock()

    with pytest.raises(Contended) as caught:
        sending.run(HELLO, timeout=30.0)

    assert (caught.value.retry_after, sending.server.clock()) == (60.0, before)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(500, "poison"), ModelFailed),
        (refusal(422, "invalid_input"), InvalidInput),
        ((200, {}, b"<html>"), BadReply),
        ((200, {}, {"result": [{"id": 7, "text": "?"}]}), BadReply),
        ((200, {}, {"result": "?"}), BadReply),
    ],
)
def test_what_would_only_happen_again_is_asked_once(sending: Sending, reply: Any, kind: type[Exception]) -> None:
    sending.server.replies = [reply]

    with pytest.raises(kind):
        sending.run(HELLO)

    assert len(sending.server.asked) == 1


def test_a_connection_that_broke_is_tried_again(sending: Sending) -> None:
    sending.server.replies = [httpx2.ReadError("broken"), httpx2.ConnectError("refused")]

    assert sending.run(HELLO).text == "HELLO"


def test_who_is_not_reached_at_any_try_is_named(sending: Sending) -> None:
    sending.server.replies = [httpx2.ConnectError("refused") for _ in range(3)]

    with pytest.raises(CannotReach, match=r"http://jitney\.test/prefix is not reached: refused"):
        sending.run(HELLO, max_retries=2)


@pytest.mark.parametrize(
    "error",
    [
        httpx2.LocalProtocolError("Illegal header value b'Bearer secret\\n'"),
        httpx2.UnsupportedProtocol("secret"),
        httpx2.InvalidURL("Invalid port: 'secret'"),
    ],
)
def test_what_cannot_be_sent_is_tried_once_and_told_without_its_words(sending: Sending, error: Exception) -> None:
    sending.server.replies = [error]

    with pytest.raises(JitneyError, match=type(error).__name__) as caught:
        sending.run(HELLO)

    assert not isinstance(caught.value, CannotReach)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert len(sending.server.asked) == 1


def test_time_that_is_over_while_a_reply_is_waited_for_is_no_reason_to_ask_again(sending: Sending) -> None:
    sending.server.replies = [httpx2.ReadTimeout("slow")]

    with pytest.raises(TimedOut):
        sending.run(HELLO)

    assert len(sending.server.asked) == 1


def test_what_no_utf_8_can_spell_is_left_to_the_server(sending: Sending) -> None:
    sending.server.replies = [refusal(400, "malformed")]

    with pytest.raises(InvalidInput):
        sending.run(calls.translate("\ud800", to="fr"))


def test_many_come_in_their_order(sending: Sending) -> None:
    answers = sending.many(f"text {at}" for at in range(25))

    assert [answer.text for answer in answers] == [f"TEXT {at}" for at in range(25)]


def test_many_wait_where_the_server_says_so_and_none_is_lost(sending: Sending) -> None:
    sending.server.replies = [refusal(429, "contended", retry_after="5"), refusal(503, "overloaded", retry_after="1")]
    sending.is_async = True  # whose time is the clock's alone

    answers = sending.many(f"text {at}" for at in range(5))

    assert [answer.text for answer in answers] == [f"TEXT {at}" for at in range(5)]


def test_one_of_many_that_cannot_be_computed_has_its_error_as_data(sending: Sending) -> None:
    sending.server.replies = [refusal(422, "invalid_input")] * 2

    answers = sending.many(["bad", "good"])

    assert [(answer.text, answer.error and answer.error.code) for answer in answers] == [
        ("", "invalid_input"),
        ("GOOD", None),
    ]


def test_many_end_with_what_no_text_is_the_reason_of(sending: Sending) -> None:
    sending.server.replies = [refusal(422, "unknown_language")]

    with pytest.raises(UnknownLanguage):
        sending.many(["a", "b", "c"])


def test_a_prediction_is_waited_for_by_one_question_after_the_other(sending: Sending) -> None:
    running, done = DOCUMENT | {"status": "running"}, DOCUMENT | {"status": "succeeded", "done": 1}
    sending.server.replies = [(200, {}, running), (200, {}, done), (200, {}, {"result": [{"id": 0, "text": "oui"}]})]

    answer = sending.prediction(lambda prediction: prediction.result())

    assert answer.text == "oui"
    assert [request.url.path for request in sending.server.asked] == [
        "/prefix/predictions/p1",
        "/prefix/predictions/p1",
        "/prefix/predictions/p1/result",
    ]


def test_a_prediction_that_takes_longer_than_its_caller_waits_goes_on(sending: Sending) -> None:
    sending.server.replies = [(200, {}, DOCUMENT | {"status": "running"})] * 20
    sending.server.takes = 4.0

    with pytest.raises(TimedOut, match="p1 has not ended yet: it is running"):
        sending.prediction(lambda prediction: prediction.wait(10.0))


def test_a_prediction_is_waited_for_through_an_outage_longer_than_all_tries_of_a_call(sending: Sending) -> None:
    done = (200, {}, DOCUMENT | {"status": "succeeded", "done": 1})
    sending.server.replies = [httpx2.ConnectError("refused") for _ in range(30)] + [done]

    assert sending.prediction(lambda prediction: prediction.wait(3600.0)).has_ended


def test_a_front_end_that_answers_at_once_is_not_asked_without_a_pause(sending: Sending) -> None:
    sending.server.replies = [(200, {}, DOCUMENT | {"status": "running"})] * 100

    with pytest.raises(TimedOut, match="has not ended yet"):
        sending.prediction(lambda prediction: prediction.wait(10.0))

    assert len(sending.server.asked) < 30


@pytest.mark.parametrize(
    "after",
    [
        pytest.param((200, {}, DOCUMENT | {"status": "canceled"}), id="canceled"),
        pytest.param(refusal(404, "unknown_prediction"), id="gone"),
    ],
)
def test_a_cancel_whose_reply_is_lost_is_not_sent_again(sending: Sending, after: Any) -> None:
    sending.server.replies = [httpx2.ReadError("broken"), after]

    sending.prediction(lambda prediction: prediction.cancel())

    assert [request.method for request in sending.server.asked] == ["DELETE", "GET"]


def test_a_cancel_that_did_not_arrive_is_told(sending: Sending) -> None:
    sending.server.replies = [httpx2.ConnectError("refused"), (200, {}, DOCUMENT | {"status": "running"})]

    with pytest.raises(CannotReach):
        sending.prediction(lambda prediction: prediction.cancel())


def test_a_cancel_that_was_refused_for_now_is_tried_again(sending: Sending) -> None:
    sending.server.replies = [refusal(503, "unavailable", retry_after="1"), (204, {}, b"")]

    sending.prediction(lambda prediction: prediction.cancel())

    assert [request.method for request in sending.server.asked] == ["DELETE", "DELETE"]


def test_a_prediction_that_failed_raises_what_the_call_would_have(sending: Sending) -> None:
    sending.server.replies = [(200, {}, DOCUMENT | {"status": "expired"}), refusal(504, "expired")]

    with pytest.raises(Expired):
        sending.prediction(lambda prediction: prediction.result(), max_retries=0)
