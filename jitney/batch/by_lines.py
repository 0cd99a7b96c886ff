"""A row as a request of its own: a line of OpenAI's, which says where to and has the body; its reply is kept whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from jitney.batch.contract import Answer, Row
from jitney.batch.verdict import Answered, Later, Never, TryAgain, Verdict
from jitney.client.errors import problem
from jitney.client.headers import retry_after

BUSY, AWAY = (408, 425, 429, 503), (502,)
OF_THE_WHOLE = (401, 403, 407)  # who asks, not what
COMPUTED = ("model_error", "poison")  # and failed: again would cost the card the same
MOST_REMEMBERED = 1_000  # addresses and models that are not there
NO_JSON = "no_json"


class ByLines:
    """What the server says of a line is the line's answer, unless it says to come back."""

    can_ask_for_none = False

    def __init__(self) -> None:
        self._not_there: set[tuple[str, str]] = set()

    def request(self, rows: Sequence[Row]) -> tuple[str, bytes]:
        (row,) = rows
        return row.address, row.text.encode()

    def judge(
        self, status: int, headers: Mapping[str, str], body: bytes, rows: Sequence[Row], now: datetime
    ) -> Verdict:
        (row,) = rows
        code, detail = problem(status, body)
        answer = _answer(status, headers, body, code, detail)
        if 200 <= status < 300:
            return Answered(answers=[answer])
        if status in BUSY or status in AWAY:
            return Later(wait=retry_after(headers, now), why=f"{status}: {detail}", is_away=status in AWAY)
        if status in OF_THE_WHOLE or status < 400:
            return Never(f"{status}: {detail}")
        is_passing = (status == 409 or status >= 500) and code not in COMPUTED
        return TryAgain(answer) if is_passing or self._may_come(status, row, detail) else Answered(answers=[answer])

    def given_up(self, rows: Sequence[Row], answer: Answer) -> None:
        """What was not there at any try is not waited for again: many lines may name it."""
        if answer.fields.get("status_code") == 404 and answer.error and len(self._not_there) < MOST_REMEMBERED:
            self._not_there.add((rows[0].address, answer.error["message"]))

    def _may_come(self, status: int, row: Row, detail: str) -> bool:
        """Front ends that have just started have not met the models yet."""
        return status == 404 and (row.address, detail) not in self._not_there


def _answer(status: int, headers: Mapping[str, str], body: bytes, code: str, detail: str) -> Answer:
    text, is_json = _json(body)
    fields = {"status_code": status, "request_id": headers.get("x-request-id", ""), "body": text}
    if 200 <= status < 300:
        error = None if is_json else {"code": NO_JSON, "message": f"{status}, and an answer that is no JSON"}
    else:
        error = {"code": code, "message": detail}
    return Answer(fields=fields, error=error, size=len(body))


def _json(body: bytes) -> tuple[str, bool]:
    """The body in one line, with its numbers as they were; what is no JSON as a string."""
    text = body.decode("utf-8", "replace")
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return json.dumps(text), False
    return text.replace("\n", " ").replace("\r", " "), True  # no string of JSON holds them as they are


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON
