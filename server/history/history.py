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
from msgspec.structs import replace

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
    from server.predictions.stored import Stored

log = structlog.get_logger("server.history")

INPUTS = ("never", "hash", "full")
AT_ONCE = 64  # rows that are made before others have their turn
SMALL = 2_048  # characters of a text that waits for its row to be made
NOTHING = Stages(0.0, 0.0, 0.0, 0.0, 0)
NO_INPUT = (b"", "", False)

OfRequest = tuple[tuple[str, ...], float, float, int]  # from the id of the request to the lane; then three of its times


class History:
    """Of one front end."""

    def __init__(
        self, appender: Appender, inputs: str, secret: bytes | None, wall: Callable[[], int] = time.time_ns
    ) -> None:
        """`inputs`: one of `INPUTS`. `secret`: the key of hashes; None: none are made. `wall`: ns since 1970."""
        self.appender = appender
        self._keeps_texts = inputs == "full"
        self._secret = secret if inputs != "never" else None
        self._has_no_inputs = inputs == "never"
        self._wall = wall
        self._prefix, self._numbers = os.urandom(8), count()  # together an id that nobody else makes
        self._not_noted = ThrottledLog(log.error)
        self._ended: list[Note] = []  # small requests, of which no row is made yet
        appender.gather = self.make

    def note(self, context: RequestContext) -> Note:
        """For the `async with` around one request."""
        context.note = note = Note(self, context)
        return note

    def end(self, note: Note) -> None:
        """A small request has ended. Its row is made along with others': made at once, between two things that have
        nothing to do with it, it would cost four times as much."""
        self._ended.append(note)
        if len(self._ended) >= AT_ONCE:
            self.make()
        elif len(self._ended) == 1:
            self.appender.expect()

    def make(self) -> None:
        """The rows of those that have ended."""
        ended, self._ended = self._ended, []
        for note in ended:
            self.write(note, note.records, note.answers)

    def write(self, note: Note, records: Sequence[Record], answers: Sequence[Row | Problem]) -> None:
        """These have ended. Never raises: a row that cannot be made is lost."""
        left = len(records)
        try:
            at, of_request = note.at or self.now(), note.of_request()
            for record, answer in zip(records, answers, strict=True):
                left -= 1
                self._add(at, of_request, record, answer)
        except Exception as error:
            self._lose(left, error)

    def _add(self, at: int, of_request: OfRequest, record: Record, answer: Row | Problem) -> None:
        try:
            self.appender.add(self._row(at, of_request, record, answer))
        except Exception as error:
            self._lose(1, error)

    def _lose(self, rows: int, error: Exception) -> None:
        self.appender.drop(rows, "unreadable")
        self._not_noted("history row not made", error=type(error).__name__)  # its message may hold a text

    def unread(self, stored: Stored, records: int, problem: Problem) -> None:
        """A prediction ended before anybody read its request again: of its records nothing is known but that. Never
        raises."""
        try:
            self._add_unread(stored, records, problem)
        except Exception as error:
            self._lose(records, error)

    def _add_unread(self, stored: Stored, records: int, problem: Problem) -> None:
        row = HistoryRow(
            at=self.now(),
            id=b"",
            request_id=stored.headers.get("x-request-id", ""),
            task=stored.task,
            model=stored.model,
            caller=stored.caller.partition("@")[0],
            lane=stored.lane,
            status=problem.status,
            code=problem.code,
        )
        for made in [row_to_bytes(replace(row, id=self._new_id())) for _ in range(records)]:
            self.appender.add(made)

    def now(self) -> int:
        """Microseconds since 1970."""
        return self._wall() // 1000

    def _row(self, at: int, of_request: OfRequest, record: Record, answer: Row | Problem) -> bytes:
        """As `HistoryRow` has its fields: made of one with its twenty names, a row would cost twice as much."""
        who, queue, compute, batch_size = of_request
        id = self._new_id()
        hashed, input, is_cut = NO_INPUT if self._has_no_inputs else self._of_input(record.input)
        status, code, output, label, score = self._of_answer(answer)
        of_record = (status, code, hashed, input, is_cut, output, label, score, record.cost)
        return row_to_bytes((at, id, *who, *of_record, queue, compute, batch_size, record.is_cached))

    def _new_id(self) -> bytes:
        return self._prefix + next(self._numbers).to_bytes(8)

    def _of_input(self, input: str | bytes) -> tuple[bytes, str, bool]:
        hashed = input_hash(self._secret, input) if self._secret else b""
        return (hashed, *cut(input)) if self._keeps_texts and isinstance(input, str) else (hashed, "", False)

    def _of_answer(self, answer: Row | Problem) -> tuple[int, str, bytes, str, float | None]:
        if isinstance(answer, Problem):
            return answer.status, answer.code, b"", "", None
        label, score = answer.get("label"), answer.get("score")
        if type(label) is not str or len(label) > LABEL or not label.isascii():
            label = cut(label[:LABEL])[0] if isinstance(label, str) else ""
        if type(score) is not float:
            score = float(score) if isinstance(score, int) else None
        has_more = len(answer) > 2 or score is None or not label
        output = output_of(answer, has_texts=self._keeps_texts) if has_more else b""
        return 200, "", output, label, score


class Note:
    """What is known of one request, until it is over."""

    __slots__ = ("_call", "_context", "_history", "_lane", "answers", "at", "records", "spent")

    def __init__(self, history: History, context: RequestContext) -> None:
        self._history, self._context = history, context
        self._call: Call | None = None
        self.records: Sequence[Record] = ()
        self.answers: Sequence[Row | Problem] = ()
        self.at = 0  # when it ended, microseconds since 1970; 0: now
        self._lane = Lane.INTERACTIVE
        self.spent: Stages | None = None  # where its time went, once that is known

    def asked(self, call: Call, records: Sequence[Record], lane: Lane) -> None:
        """It was read: from now on something can be said of its records."""
        self._call, self.records, self._lane = call, records, lane

    def answered(self, answers: Sequence[Row | Problem]) -> None:
        """What all of them have come to."""
        self.answers = answers

    def sent(self, records: Sequence[Record], answers: Sequence[Row | Problem]) -> None:
        """These are on their way to the client, and others of the request will follow."""
        self._history.write(self, records, answers)
        self.records = ()  # whatever happens now, nothing is refused as a whole any more

    def of_request(self) -> OfRequest:
        """What all of its rows say."""
        context, caller, call = self._context, self._context.caller, self._call
        assert call is not None
        card, spent = call.served.card, self.spent or NOTHING
        revision = card.revision if context.model == call.served.header else _revision(context.model)
        who = "" if caller is ANONYMOUS else caller.id.partition("@")[0]  # behind it stands whence one came
        about = (context.request_id.decode("latin-1"), card.task, card.name, revision, who, self._lane.value)
        return about, spent.queue + spent.window, spent.compute, spent.batch_size

    async def __aenter__(self) -> Note:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.note = None
        answers, records = self.answers, self.records
        if error is not None:
            answers = self._refused(error)
        if not answers or self._call is None or not records:
            return
        self.at = self._history.now()
        if len(records) == 1 and len(records[0].input) <= SMALL:
            self.answers = answers
            self._history.end(self)
            return
        for at in range(0, len(records), AT_ONCE):
            if at:
                await asyncio.sleep(0)
            self._history.write(self, records[at : at + AT_ONCE], answers[at : at + AT_ONCE])

    def _refused(self, error: BaseException) -> Sequence[Row | Problem]:
        """What its records have come to, each its own problem or this; nothing where nobody was told anything, or where
        it will be tried again."""
        if isinstance(error, ClientGone) or not isinstance(error, Exception):
            return ()
        problem = error if isinstance(error, Problem) else Problem("internal", INTERNAL_DETAIL)
        if self._context.time_left is not None and problem.status in ASKS_TO_COME_BACK:
            return ()
        own: Sequence[Any] = self.answers or [record.problem for record in self.records]
        return [one if isinstance(one, Problem) else problem for one in own]


def _revision(model: bytes) -> str:
    """That of the last who answered."""
    return model.rpartition(b"@")[2].decode("ascii", "replace")
