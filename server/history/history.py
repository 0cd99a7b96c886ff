"""What became of each record, noted after its answer: cheaply, and whatever goes wrong here, no request notices."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.history.hashing import input_hash
from broker.history.rows import HistoryRow, row_to_bytes
from broker.messages import Lane
from server.callers.caller import ANONYMOUS
from server.errors import ASKS_TO_COME_BACK, INTERNAL_DETAIL, ClientGone, Problem
from server.history.appender import Appender
from server.history.kept import LABEL, cut, output_of
from server.http.timing import Stages
from server.requests.request import Record

if TYPE_CHECKING:
    from server.dialects.contract import Call, Row
    from server.http.context import RequestContext

log = structlog.get_logger("server.history")

INPUTS = ("never", "hash", "full")
AT_ONCE = 64  # rows that are made before others have their turn
NOTHING = Stages(0.0, 0.0, 0.0, 0.0, 0)


class History:
    """Of one front end."""

    def __init__(
        self, appender: Appender, inputs: str, secret: bytes | None, wall: Callable[[], int] = time.time_ns
    ) -> None:
        """`inputs`: one of `INPUTS`. `secret`: the key of hashes; None: none are made. `wall`: ns since 1970."""
        self.appender = appender
        self._keeps_texts = inputs == "full"
        self._secret = secret if inputs != "never" else None
        self._wall = wall
        self._prefix, self._numbers = os.urandom(8), count()  # together an id that nobody else makes
        self._not_noted = ThrottledLog(log.error)

    def note(self, context: RequestContext) -> Note:
        """For the `async with` around one request."""
        context.note = note = Note(self, context)
        return note

    def write(self, note: Note, records: Sequence[Record], answers: Sequence[Row | Problem], spent: Stages) -> None:
        """These have ended. Never raises: a row that cannot be made is lost."""
        common = note.common(self._wall() // 1000, spent)
        for record, answer in zip(records, answers, strict=True):
            try:
                self.appender.add(self._row(common, record, answer))
            except Exception as error:
                self.appender.drop(1, "unreadable")
                self._not_noted("history row not made", error=type(error).__name__)  # its message may hold a text

    def _row(self, common: dict[str, Any], record: Record, answer: Row | Problem) -> bytes:
        of_input = self._of_input(record.input) if self._secret or self._keeps_texts else {}
        of_answer = _of_problem(answer) if isinstance(answer, Problem) else self._of_answer(answer)
        id, is_cached = self._prefix + next(self._numbers).to_bytes(8), record.is_cached
        return row_to_bytes(HistoryRow(id=id, cost=record.cost, is_cached=is_cached, **common, **of_answer, **of_input))

    def _of_input(self, input: str | bytes) -> dict[str, Any]:
        found: dict[str, Any] = {"input_hash": input_hash(self._secret, input)} if self._secret else {}
        if self._keeps_texts and isinstance(input, str):
            found["input"], found["is_cut"] = cut(input)
        return found

    def _of_answer(self, answer: Row) -> dict[str, Any]:
        label, score = answer.get("label"), answer.get("score")
        return {
            "output": output_of(answer, has_texts=self._keeps_texts),
            "label": cut(label[:LABEL])[0] if isinstance(label, str) else "",
            "score": float(score) if isinstance(score, int | float) else None,
        }


class Note:
    """What is known of one request, until it is over."""

    __slots__ = ("_answers", "_call", "_context", "_history", "_lane", "_records", "spent")

    def __init__(self, history: History, context: RequestContext) -> None:
        self._history, self._context = history, context
        self._call: Call | None = None
        self._records: Sequence[Record] = ()
        self._answers: Sequence[Row | Problem] | None = None
        self._lane = Lane.INTERACTIVE
        self.spent: Stages | None = None  # where its time went, once that is known

    def asked(self, call: Call, records: Sequence[Record], lane: Lane) -> None:
        """It was read: from now on something can be said of its records."""
        self._call, self._records, self._lane = call, records, lane

    def answered(self, answers: Sequence[Row | Problem]) -> None:
        """What all of them have come to."""
        self._answers = answers

    def sent(self, records: Sequence[Record], answers: Sequence[Row | Problem]) -> None:
        """These are on their way to the client, and others of the request will follow."""
        self._history.write(self, records, answers, self.spent or NOTHING)
        self._records = ()  # whatever happens now, nothing is refused as a whole any more

    def common(self, at: int, spent: Stages) -> dict[str, Any]:
        """What all of its rows say."""
        context, caller = self._context, self._context.caller
        assert self._call is not None
        card = self._call.served.card
        return {
            "at": at,
            "request_id": context.request_id.decode("ascii", "replace"),
            "task": card.task,
            "model": card.name,
            "revision": card.revision if context.model == self._call.served.header else _revision(context.model),
            "caller": "" if caller is ANONYMOUS else caller.id.partition("@")[0],  # behind it stands whence one came
            "lane": self._lane.value,
            "queue": spent.queue + spent.window,
            "compute": spent.compute,
            "batch_size": spent.batch_size,
        }

    async def __aenter__(self) -> Note:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.note = None
        answers, records = self._answers, self._records
        if error is not None:
            answers = self._refused(error)
        if answers is None or self._call is None or not records:
            return
        spent = self.spent or NOTHING
        for at in range(0, len(records), AT_ONCE):
            if at:
                await asyncio.sleep(0)
            self._history.write(self, records[at : at + AT_ONCE], answers[at : at + AT_ONCE], spent)

    def _refused(self, error: BaseException) -> Sequence[Row | Problem] | None:
        """What its records have come to, each its own problem or this; None: nobody was told anything, or it will be
        tried again."""
        if isinstance(error, ClientGone) or not isinstance(error, Exception):
            return None
        problem = error if isinstance(error, Problem) else Problem("internal", INTERNAL_DETAIL)
        if self._context.time_left is not None and problem.status in ASKS_TO_COME_BACK:
            return None
        own: Sequence[Any] = self._answers or [record.problem for record in self._records]
        return [one if isinstance(one, Problem) else problem for one in own]


def _of_problem(problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "code": problem.code}


def _revision(model: bytes) -> str:
    """That of the last who answered."""
    return model.rpartition(b"@")[2].decode("ascii", "replace")
