"""What a reply means for the rows of a request. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jitney.batch.contract import Answer
from jitney.client.errors import as_json, problem
from jitney.client.headers import retry_after
from jitney.client.policy.tries import is_by_records

PASSING_CODES = ("expired", "no_batcher", "contended", "broker_unavailable", "broker_full", "overloaded", "internal")
TRIED_AGAIN = (500, 504)  # a few times: the next try may go well, but perhaps it is the row
AWAY = (502,)  # what a proxy says of a server that it does not reach
REFUSALS = (404, 408, 425, 429, 503)  # 404: front ends that have just started have not met the models yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer a row; those in `passing` may go well at another try."""

    answers: Sequence[Answer]
    passing: Sequence[int] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Halve:
    """Ask again for each half: `answer` is for a row that is alone."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A few times; after that `answer` holds for all rows."""

    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Not now. `wait`: seconds, where the server says how long."""

    wait: float | None
    why: str
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class Never:
    """No row will be answered."""

    why: str


Verdict = Answered | Halve | TryAgain | Later | Never


def judge(status: int, headers: Mapping[str, str], body: bytes, count: int, now: datetime) -> Verdict:
    """Of a request with `count` records, whose ids were 0, 1, 2 …"""
    if status == 200:
        return _rows(as_json(body), count)
    code, detail = problem(status, body)
    answer, why = Answer(error={"code": code, "message": detail}), f"{status}: {detail}"
    if is_by_records(status, code):
        return Halve(answer)
    if status in AWAY:
        return Later(wait=retry_after(headers, now), why=why, is_away=True)
    if status in REFUSALS:
        return Later(wait=retry_after(headers, now), why=why)
    if code in ("model_error", "poison"):  # computed, and failed: again would cost the card the same
        return Answered(answers=[answer] * count)
    return TryAgain(answer) if status in TRIED_AGAIN else Never(why)


def _rows(said: Any, count: int) -> Verdict:
    rows = said.get("result") if isinstance(said, dict) else None
    if not isinstance(rows, list) or [row.get("id") if isinstance(row, dict) else None for row in rows] != list(
        range(count)
    ):
        return Never("this endpoint does not answer with a row for each record, in their order")
    answers = [_answer(row) for row in rows]
    passing = [place for place, answer in enumerate(answers) if answer.error and answer.error["code"] in PASSING_CODES]
    return Answered(answers=answers, passing=passing, warnings=said.get("warnings", ()))


def _answer(row: Mapping[str, Any]) -> Answer:
    fields = {name: value for name, value in row.items() if name != "id"}
    error = fields.get("error")
    if fields.keys() == {"error"} and isinstance(error, dict):
        return Answer(error={"code": str(error.get("code")), "message": str(error.get("message"))})
    return Answer(fields=fields)
