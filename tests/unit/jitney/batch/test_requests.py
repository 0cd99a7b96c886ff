"""What is asked of the server for a few rows, and how often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from jitney.batch.by_records import ByRecords
from jitney.batch.contract import NOT_REACHED, REFUSED, USAGE, Answer, Stopped
from jitney.batch.requests import TRIES, Asker, Unreachable
from jitney.client.policy.flow import Flow
from tests.conftest import FakeClock
from tests.unit.jitney.batch.kit import options, run, texts

Reply = tuple[int, dict[str, str], bytes]
LOST = (0, {}, b"")


def ok(records: list[Any], fail: Callable[[str], str] = lambda text: "") -> Reply:
    rows = []
    for record in records:
        code = fail(record["text"])
        error = {"error": {"code": code, "message": "m"}}
        rows.append({"id": record["id"], **(error if code else {"text": record["text"].upper()})})
    return 200, {}, json.dumps({"result": rows}).encode()


def refused(status: int, code: str = "c", **headers: str) -> Reply:
    return status, headers, json.dumps({"code": code, "detail": "why"}).encode()


class Rig:
    """A server that `reply` plays, given the records of a request and the number of it; time moves by sleeping."""

    def __init__(self, reply: Callable[[list[Any], int], Reply], **changed: Any) -> None:
        self.clock = FakeClock()
        self.requests: list[list[str]] = []
        self.payloads: list[Any] = []
        self.notes: list[str] = []
        self._reply = reply
        self._options = options(**changed)

    async def _post(self, address: str, body: bytes) -> Reply:
        payload = json.loads(body)["payload"]
        self.payloads.append(payload)
        self.requests.append([record.get("text") for record in payload["records"]])
        reply = self._reply(payload["records"], len(self.requests))
        if reply is LOST:
            raise Unreachable("connection refused")
        return reply

    async def _sleep(self, seconds: float) -> None:
        self.clock.tick(seconds)
        await asyncio.sleep(0)

    def asker(self) -> Asker:
        flow = Flow(8, self._options.patience, lambda: 1.0)
        return Asker(
            self._post,
            ByRecords(self._options),
            self._options,
            flow,
            self.notes.append,
            clock=self.clock,
            sleep=self._sleep,
        )

    def ask(self, count: int) -> list[Answer]:
        async def work() -> list[Answer]:
            return await self.asker().ask(texts(count))

        return run(work())

    def check(self) -> None:
        async def work() -> None:
            await self.asker().check()

        run(work())


def outcomes(answers: list[Answer]) -> list[str]:
    return [answer.error["code"] if answer.error else answer.fields["text"] for answer in answers]


def test_a_request_has_the_settings_and_a_record_for_each_row() -> None:
    rig = Rig(lambda records, _: ok(records), settings={"toLang": "fr"})

    answers = rig.ask(2)

    assert outcomes(answers) == ["TEXT 1", "TEXT 2"]
    assert rig.payloads == [{"toLang": "fr", "records": [{"id": 0, "text": "text 1"}, {"id": 1, "text": "text 2"}]}]


def test_pictures_are_sent_as_pictures() -> None:
    rig = Rig(lambda records, _: (200, {}, b'{"result": [{"id": 0}]}'), endpoint="/image-classification")

    rig.ask(1)

    assert rig.payloads[0]["records"] == [{"id": 0, "image": "text 1"}]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_said(status: int) -> None:
    rig = Rig(lambda records, n: refused(status, **{"retry-after": "7"}) if n == 1 else ok(records))
    started = rig.clock()

    assert outcomes(rig.ask(1)) == ["TEXT 1"]
    assert rig.clock() - started == 7.0


@pytest.mark.parametrize("reply", [LOST, refused(502), refused(404, "unknown_model")])
def test_a_server_that_comes_back_is_waited_for(reply: Reply) -> None:
    rig = Rig(lambda records, n: reply if n < 10 else ok(records))

    assert outcomes(rig.ask(1)) == ["TEXT 1"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [(LOST, NOT_REACHED), (refused(502), NOT_REACHED), (refused(503), REFUSED), (refused(429), REFUSED)],
)
def test_patience_ends(reply: Reply, code: int) -> None:
    rig = Rig(lambda records, n: reply, patience=60.0)
    started = rig.clock()

    with pytest.raises(Stopped) as stopped:
        rig.ask(1)

    assert stopped.value.exit_code == code
    assert 40.0 <= rig.clock() - started <= 60.0


def test_one_bad_record_does_not_fail_its_neighbours() -> None:
    def reply(records: list[Any], n: int) -> Reply:
        is_bad = any(record["text"] == "text 3" for record in records)
        return refused(422, "invalid_input") if is_bad else ok(records)

    rig = Rig(reply)

    assert outcomes(rig.ask(4)) == ["TEXT 1", "TEXT 2", "invalid_input", "TEXT 4"]


def test_what_may_pass_is_asked_again_and_nothing_else() -> None:
    def reply(records: list[Any], n: int) -> Reply:
        return ok(records, lambda text: {"text 1": "poison", "text 2": "expired" if n < 3 else ""}.get(text, ""))

    rig = Rig(reply)

    assert outcomes(rig.ask(3)) == ["poison", "TEXT 2", "TEXT 3"]
    assert rig.requests[1:] == [["text 2"], ["text 2"]]


def test_what_does_not_pass_is_the_rows_error_after_a_few_tries() -> None:
    rig = Rig(lambda records, n: ok(records, lambda text: "expired" if text == "text 2" else ""))

    assert outcomes(rig.ask(2)) == ["TEXT 1", "expired"]
    assert len(rig.requests) == TRIES


@pytest.mark.parametrize(("status", "code"), [(500, "internal"), (504, "expired")])
def test_a_failing_server_is_tried_a_few_times_then_the_rows_have_its_error(status: int, code: str) -> None:
    rig = Rig(lambda records, n: refused(status, code))

    assert outcomes(rig.ask(2)) == [code, code]
    assert len(rig.requests) == TRIES


def test_what_no_try_would_help_ends_it() -> None:
    with pytest.raises(Stopped, match="401: why") as stopped:
        Rig(lambda records, n: refused(401)).ask(1)

    assert stopped.value.exit_code == USAGE


def test_warnings_are_said_once() -> None:
    def reply(records: list[Any], n: int) -> Reply:
        return 200, {}, json.dumps({"result": [{"id": 0}], "warnings": ["what is this?"]}).encode()

    rig = Rig(reply)

    async def work() -> None:
        asker = rig.asker()
        await asker.ask(texts(1))
        await asker.ask(texts(1))

    run(work())

    assert rig.notes == ["warning: what is this?"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (LOST, NOT_REACHED),
        (refused(404, "unknown_model"), USAGE),
        (refused(422, "unknown_language"), USAGE),
        (refused(400, "malformed"), USAGE),
        (refused(500, "internal"), REFUSED),
        ((200, {}, b"<html>"), USAGE),
    ],
)
def test_before_the_first_row_it_is_asked_whether_the_options_are_any_good(reply: Reply, code: int) -> None:
    rig = Rig(lambda records, n: reply)

    with pytest.raises(Stopped) as stopped:
        rig.check()

    assert stopped.value.exit_code == code
    assert rig.requests == [[]]


def test_before_the_first_row_a_busy_server_is_waited_for() -> None:
    rig = Rig(lambda records, n: refused(503) if n < 3 else ok(records))

    rig.check()

    assert len(rig.requests) == 3


def test_no_more_requests_are_under_way_than_may_be() -> None:
    under_way, most = 0, []
    rig = Rig(lambda records, n: ok(records))

    async def post(address: str, body: bytes) -> Reply:
        nonlocal under_way
        under_way += 1
        most.append(under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await rig._post(address, body)

    async def work() -> None:
        asker = Asker(post, ByRecords(options()), options(), Flow(2, 60.0), rig.notes.append)
        await asyncio.gather(*[asker.ask(texts(1)) for _ in range(6)])

    run(work())

    assert (max(most), len(most)) == (2, 6)


def test_after_a_refusal_of_all_each_of_many_gets_its_turn() -> None:
    rig = Rig(lambda records, n: refused(503, **{"retry-after": "1"}) if n <= 8 else ok(records))

    async def work() -> list[list[Answer]]:
        asker = rig.asker()
        return await asyncio.gather(*[asker.ask(texts(1)) for _ in range(100)])

    assert len(run(work())) == 100
