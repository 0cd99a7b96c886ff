"""GET /predictions/{id}/events: its standing, each record in the order of the request, its end; any front end tells it.

Nothing is made ahead of a reader. Whoever comes back with `Last-Event-ID` goes on there, at any front end.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence

import structlog
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from broker.predictions.contract import MOST_ROWS, Prediction, PredictionBroker, State
from server.errors import INTERNAL_DETAIL, ClientGone, Problem
from server.front_end import FrontEnd
from server.http.bytes_in_hand import Held
from server.http.context import identity
from server.predictions.document import PATH
from server.predictions.events import told
from server.predictions.keeper import shown
from server.predictions.large.kept_rows import row_from
from server.predictions.routes import Predictions, id_in
from server.predictions.stored import Answer, read_answer, request_from
from server.streams.accept import form_of
from server.streams.forms import EVENTS, Form
from server.streams.rows import HEADERS, HEARTBEAT

log = structlog.get_logger("server.predictions")

MOST_FOLLOWERS = 256  # streams of events at one front end
AGAIN = 1.0  # seconds until rows are asked for again that the broker did not tell
AT_ONCE = 65_536  # bytes of rows that are written at once, or one row
SLACK = 60.0  # seconds beyond a prediction's own time that its stream may last
TOO_MANY = "As many as may follow predictions at this front end do: ask for the document, or wait with ?wait."
WRONG_ID = "Last-Event-ID must be the id of an event that came from here, a number."


class Events:
    """The ASGI endpoint."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self._predictions = Predictions(front_end)
        self._followers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["context"].headers
        sent = _last_seen(headers.get(b"last-event-id"))
        id = id_in(scope["path_params"])
        await self._predictions.require_own(id, scope["context"].caller)
        prediction = await self._predictions.found(id)
        if sent > prediction.records:  # it has the end: 204 keeps browsers from coming again
            await Response(status_code=204)(scope, receive, send)
            return
        form = form_of(headers) or EVENTS
        if scope["method"] == "HEAD":
            await Response(headers=_headers(form))(scope, receive, send)
            return
        if self._followers >= MOST_FOLLOWERS:
            raise Problem("overloaded", TOO_MANY)
        self._followers += 1
        try:
            await self._follow(prediction, sent, form, scope, receive, send)
        finally:
            self._followers -= 1

    async def _follow(
        self, prediction: Prediction, sent: int, form: Form, scope: Scope, receive: Receive, send: Send
    ) -> None:
        clock, started = self._front_end.clock, scope["context"].started
        seconds = clock() - started + prediction.expires - prediction.now + SLACK
        with self._front_end.bytes_in_hand.hold() as held:
            story = Story(self._front_end, self._predictions, prediction, sent, form, held, send, identity(scope))
            with self._front_end.deadlines.over(receive, started, seconds) as listening:
                listening.listen()
                await story.tell()


class Story:
    """One prediction for one client."""

    def __init__(
        self,
        front_end: FrontEnd,
        predictions: Predictions,
        prediction: Prediction,
        sent: int,
        form: Form,
        held: Held,
        send: Send,
        who: Mapping[str, str],
    ) -> None:
        """`who`: what names in the log the request that follows it."""
        self._front_end = front_end
        self._keeper = front_end.tasks.predictions
        self._predictions = predictions
        self._now = prediction
        self._stored = request_from(prediction.request)
        self._sent = sent  # records
        self._form = form
        self._held = held
        self._last = 0  # bytes that were handed over and that the client may not have taken
        self._to_client = send
        self._who = who

    async def tell(self) -> None:
        """Until its end, or that of this front end: then the client comes again. Raises `ClientGone`."""
        headers = [(name.encode(), value.encode()) for name, value in _headers(self._form).items()]
        await self._to_client({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            await self._send(self._event(b"status", told.standing(self._now)))
            await self._tell_while_open()
            if not self._now.state.is_open:
                await self._tell_end()
        except ClientGone:
            raise
        except Problem as problem:
            await self._send(self._event(b"error", told.broken_off(problem)))
        except Exception:
            log.exception("events broken off", prediction=shown(self._now.id), **self._who)
            await self._send(self._event(b"error", told.broken_off(Problem("internal", INTERNAL_DETAIL))))
        await self._to_client({"type": "http.response.body", "body": b""})

    async def _tell_while_open(self) -> None:
        """Raises `Problem` where it is gone."""
        while self._now.state.is_open and not self._keeper.is_ending:
            is_behind = not await self._tell_kept_rows()
            before, self._now = self._now, await self._next(AGAIN if is_behind else HEARTBEAT)
            if self._now.state is not before.state:
                await self._send(self._event(b"status", told.standing(self._now)))
            elif self._now is before and not is_behind:
                await self._send(self._form.heartbeat)

    async def _next(self, seconds: float) -> Prediction:
        found = await self._keeper.until_changed(self._now, seconds)
        return found if found is not None else await self._predictions.found(self._now.id)

    async def _tell_kept_rows(self) -> bool:
        """Those that the broker has already. Whether these are all that it said it has."""
        if not self._stored.has_rows:
            return True
        while self._sent < self._now.done + self._now.failed:
            try:
                rows = await self._keeper.ask(self._page)
            except Problem:  # it is away: its rows are there when it is back
                return False
            if not rows:
                return False
            await self._send_rows([told.kept_row(row_from(row), self._sent + at) for at, row in enumerate(rows)])
        return True

    async def _page(self, broker: PredictionBroker) -> Sequence[bytes]:
        return await broker.rows(self._now.id, self._sent, MOST_ROWS)

    async def _tell_end(self) -> None:
        answer = await self._answer()
        if answer is not None and self._stored.has_rows:
            self._held.add(len(answer.body))
            await self._send_rows(told.rows_in(answer)[self._sent :])
        self._sent = self._now.records + 1
        await self._send(self._event(b"done", told.end(self._now, answer)))

    async def _answer(self) -> Answer | None:
        """None: it was canceled. Raises `Problem` where it is gone."""
        if self._now.state is State.CANCELED:
            return None
        while True:
            try:
                kept = await self._keeper.ask(lambda broker: broker.result(self._now.id, self._now.owner))
            except Problem:  # the broker is away
                await asyncio.sleep(AGAIN)
            else:
                if kept is None:
                    raise await self._predictions.none(self._now.id)
                return await read_answer(kept)

    async def _send_rows(self, rows: Sequence[bytes]) -> None:
        for some in _portions(rows):
            data = b"".join(self._event(b"record", row, self._sent + at) for at, row in enumerate(some, start=1))
            self._sent += len(some)
            self._front_end.metrics.streamed_records[(self._stored.model,)] += len(some)
            await self._send(data)

    def _event(self, kind: bytes, data: bytes, sent: int | None = None) -> bytes:
        return self._form.event(kind, self._sent if sent is None else sent, data)

    async def _send(self, data: bytes) -> None:
        """Waits as long as the client has most of what it got still to read."""
        if data:
            self._held.add(len(data) - self._last)
            self._last = len(data)
            await self._to_client({"type": "http.response.body", "body": data, "more_body": True})


def _portions(rows: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """As many as are written at once, at least one."""
    first, size = 0, 0
    for place, row in enumerate(rows):
        size += len(row)
        if size > AT_ONCE and place > first:
            yield rows[first:place]
            first, size = place, len(row)
    if rows:
        yield rows[first:]


def _headers(form: Form) -> dict[str, str]:
    further = {name.decode(): value.decode() for name, value in HEADERS}
    return {"content-type": form.media_type.decode()} | further


def _last_seen(header: bytes | None) -> int:
    """How many records the client has. Raises `Problem` (malformed)."""
    if not header:
        return 0
    if not re.fullmatch(rb"\d{1,9}", header.strip()):
        raise Problem("malformed", WRONG_ID)
    return int(header)


def routes(front_end: FrontEnd) -> list[Route]:
    return [Route(f"{PATH}/{{id}}/events", Events(front_end), methods=["GET"])]
