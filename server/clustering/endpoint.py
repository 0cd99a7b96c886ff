"""How every dialect gets groups: each record is embedded as ever, then all vectors are grouped, a request at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from msgspec.structs import replace
from starlette.types import Receive, Scope, Send

from broker.messages import FailureCode
from server.api.inference import Inference, Made
from server.clustering.contract import Group, ThresholdTooLow
from server.codecs.encoding import weight
from server.codecs.errors import Abandoned
from server.codecs.work import BOUNDLESS, Work
from server.dialects.contract import Call, RequestReader, Row
from server.dialects.whole import require_one_model
from server.errors import Problem
from server.front_end import FrontEnd
from server.http.bytes_in_hand import Held
from server.requests.request import Record

WITHOUT_NUMPY = "This front end makes no clusters, for it has no numpy: pip install 'jitney[server,clustering]'"
NO_VECTOR = "The model's answer to this text is no vector, or not of the length that others have."
TOO_LATE = "The time for this request was over before its records were grouped."
MODULE = "server.clustering.communities"
NUMBER = 8  # bytes that stand for a number of a vector: as it came, and in the table of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """What the thread has made of a request."""

    made: Made
    groups: int | None = None  # None: its threshold is too low
    seconds: float


class Clustering(Inference):
    """The ASGI endpoint of one address that asks for groups: the memo of its calls is a `Grouping`."""

    def __init__(self, front_end: FrontEnd, reader: RequestReader) -> None:
        super().__init__(front_end, reader)
        self._max_body_bytes = front_end.settings.max_cluster_bytes
        self._max_records = front_end.settings.max_cluster_records
        self._numeric: Any = None  # the module `communities`, once somebody asks: it brings numpy with it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._numeric is None:
            self._numeric = await self._front_end.pool.run(_load, 0, Work())
        await super().__call__(scope, receive, send)

    async def _made(self, call: Call, records: Sequence[Record], work: Work, held: Held) -> Made:
        require_one_model(records)
        held.add(NUMBER * sum([weight(record.values(), BOUNDLESS) for record in records]))
        turn = work.again()  # `work` has ended with its jobs
        grouped = await self._front_end.pool.run_alone(partial(self._group, call, records, turn), turn)
        self._front_end.metrics.grouped(call.served.card.name, len(records), grouped.groups, grouped.seconds)
        return grouped.made

    def _group(self, call: Call, records: Sequence[Record], turn: Work) -> Grouped:
        started = time.perf_counter()
        try:
            answers = self._vectors(records, turn)
            groups = self._groups(answers, call.memo.threshold, turn)
        except Abandoned as error:
            raise Problem(FailureCode.EXPIRED, TOO_LATE) from error
        except ThresholdTooLow as error:
            return Grouped(made=(answers, _too_low(error)), seconds=time.perf_counter() - started)
        reply = self._written(replace(call, memo=replace(call.memo, groups=groups)), answers)
        return Grouped(made=(answers, reply), groups=len(groups), seconds=time.perf_counter() - started)

    def _vectors(self, records: Sequence[Record], turn: Work) -> list[Row | Problem]:
        """Each record's direction, or why it has none. One at a time: as lists of numbers all would take ten times as
        much memory."""
        answers: list[Row | Problem] = []
        width = 0  # of the first vector
        for record in records:
            turn.check()
            answer = record.answer()
            if isinstance(answer, dict):
                answer = self._direction(answer, width)
            if isinstance(answer, dict):
                width = width or len(answer["direction"])
            answers.append(answer)
        return answers

    def _direction(self, answer: Row, width: int) -> Row | Problem:
        try:
            found = self._numeric.direction(answer.get("embedding"))
        except (TypeError, ValueError):
            return Problem(FailureCode.MODEL_ERROR, NO_VECTOR)
        if width and len(found) != width:
            return Problem(FailureCode.MODEL_ERROR, NO_VECTOR)
        return {"direction": found}

    def _groups(self, answers: Sequence[Row | Problem], threshold: float, turn: Work) -> Sequence[Group]:
        found = {number: answer["direction"] for number, answer in enumerate(answers) if isinstance(answer, dict)}
        groups: Sequence[Group] = self._numeric.communities_of(found, threshold, turn.check)
        return groups


def _load() -> Any:
    # With one thread: else the products of one request would take every core from all others. Read by numpy's library
    # when it is loaded, and not later.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return import_module(MODULE)
    except ImportError as error:
        raise Problem("not_found", WITHOUT_NUMPY) from error


def _too_low(error: ThresholdTooLow) -> Problem:
    detail = f"{error}; a threshold of {error.enough:g} would do."
    return Problem(FailureCode.INVALID_INPUT, detail, threshold=error.enough)
