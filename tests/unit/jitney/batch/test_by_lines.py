"""What a reply means for a line of OpenAI's."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from jitney.batch.by_lines import NO_JSON, ByLines
from jitney.batch.contract import NOT_REACHED, Answer, Row, Stopped
from jitney.batch.requests import TRIES, Asker, Unreachable
from jitney.batch.verdict import Answered, Later, Never, TryAgain
from jitney.client.policy.flow import Flow
from tests.conftest import FakeClock
from tests.unit.jitney.batch.kit import options, run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OURS, THEIRS = {"code": "c", "detail": "why"}, {"error": {"code": "c", "type": "t", "message": "why"}}


def row(number: int = 1, address: str = "/v1/embeddings") -> Row:
    return Row(number=number, id="a", text="{}", address=address)


def judged(status: int, said: Any = OURS, **headers: str) -> Any:
    return ByLines().judge(status, headers, json.dumps(said, indent=1).encode(), [row()], NOW)


def test_a_reply_is_kept_whole_in_one_line() -> None:
    verdict = judged(200, {"data": [1.0, "a\nb"]}, **{"x-request-id": "r"})

    (answer,) = verdict.answers
    assert (answer.fields["status_code"], answer.fields["request_id"], answer.error) == (200, "r", None)
    assert "\n" not in answer.fields["body"] and json.loads(answer.fields["body"]) == {"data": [1.0, "a\nb"]}


@pytest.mark.parametrize("body", [b"<html>", b'{"x": NaN}', b"\xff", b""])
def test_what_is_no_json_is_the_lines_error(body: bytes) -> None:
    verdict = ByLines().judge(200, {}, body, [row()], NOW)

    assert isinstance(verdict, Answered)
    assert verdict.answers[0].error and verdict.answers[0].error["code"] == NO_JSON
    assert isinstance(json.loads(verdict.answers[0].fields["body"]), str)


@pytest.mark.parametrize("said", [OURS, THEIRS])
@pytest.mark.parametrize("status", [400, 405, 413, 422])
def test_what_is_refused_is_the_lines_own_error(status: int, said: Any) -> None:
    verdict = judged(status, said)

    assert isinstance(verdict, Answered)
    assert verdict.answers[0].error == {"code": "c", "message": "why"}
    assert verdict.answers[0].fields["status_code"] == status


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, Later), (503, Later), (502, Later), (500, TryAgain), (504, TryAgain), (404, TryAgain), (409, TryAgain)],
)
def test_what_may_pass_is_asked_again(status: int, kind: type) -> None:
    assert isinstance(judged(status), kind)


@pytest.mark.parametrize("status", [301, 401, 403])
def test_what_concerns_every_line_ends_it(status: int) -> None:
    assert isinstance(judged(status), Never)


@pytest.mark.parametrize("code", ["poison", "model_error"])
def test_what_was_computed_and_failed_is_not_computed_again(code: str) -> None:
    assert isinstance(judged(500, {"code": code, "detail": "no"}), Answered)


class Rig:
    """A server that answers with `status(row)`, given how many requests came before."""

    def __init__(self, status: Callable[[int], int]) -> None:
        self.addresses: list[str] = []
        self.clock = FakeClock()
        self._status = status

    async def _post(self, address: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.addresses.append(address)
        status = self._status(len(self.addresses))
        if not status:
            raise Unreachable("connection refused")
        return status, {}, b'{"code": "unknown_model", "detail": "no model m"}'

    async def _sleep(self, seconds: float) -> None:
        self.clock.tick(seconds)

    def ask(self, *rows: Row) -> list[Answer]:
        async def work() -> list[Answer]:
            flow = Flow(8, 300.0, lambda: 1.0)
            rig = Asker(self._post, ByLines(), options(), flow, print, clock=self.clock, sleep=self._sleep)
            await rig.check()
            return [answer for one in rows for answer in await rig.ask([one])]

        return run(work())


def test_each_line_goes_to_its_own_address_and_nothing_else_is_asked() -> None:
    rig = Rig(lambda n: 200)

    rig.ask(row(1, "/v1/embeddings"), row(2, "/translation"))

    assert rig.addresses == ["/v1/embeddings", "/translation"]


def test_a_model_that_does_not_come_is_waited_for_once() -> None:
    rig = Rig(lambda n: 404)

    answers = rig.ask(row(1), row(2), row(3, "/elsewhere"))

    assert [answer.error and answer.error["code"] for answer in answers] == ["unknown_model"] * 3
    assert rig.addresses == ["/v1/embeddings"] * (TRIES + 1) + ["/elsewhere"] * TRIES


def test_where_nobody_was_ever_there_it_ends_at_once_and_later_it_waits() -> None:
    with pytest.raises(Stopped, match="is not reached") as stopped:
        Rig(lambda n: 0).ask(row())

    assert stopped.value.exit_code == NOT_REACHED
    assert Rig(lambda n: 0 if n in (2, 3) else 200).ask(row(1), row(2))[1].error is None
