"""A line of a batch is answered: through the same address as for a client that waits, in the bulk lane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from urllib.parse import unquote

import msgspec
from msgspec import Raw, Struct
from starlette.types import ASGIApp

from broker.common.tasks import ANY, EMBEDDING
from broker.messages import Lane
from server.api.tasks import BODIES_OF_TASK
from server.batches.input.bodies import asks_for
from server.batches.input.lines import Malformed, Request, request_from
from server.batches.input.reading import Line
from server.batches.kept import SHOWN, Asked
from server.batches.window import Answered
from server.fleet.aliases import own_name
from server.fleet.directory import Served
from server.front_end import FrontEnd
from server.predictions.attempt import Attempt
from server.predictions.lane_share import room_of
from server.predictions.large.pump import Pump
from server.predictions.stored import Answer, Stored

MODELS = ANY.path.partition("{")[0]
EMBEDDINGS = "/v1/embeddings"
TASK_OF: Mapping[str, str] = {of.task.path: task for task, of in BODIES_OF_TASK.items()} | {EMBEDDINGS: EMBEDDING.name}
BYTES_A_TOKEN = 4  # of text, roughly
EXPIRED = "This request was not computed before the completion window was over."


class Error(Struct, frozen=True):
    """Why there is no response."""

    code: str
    message: str


class Response(Struct, frozen=True, kw_only=True):
    """What the address has answered."""

    status_code: int
    request_id: str
    body: Raw


class OutputLine(Struct, frozen=True, kw_only=True):
    """A line of the files that a batch ends with."""

    id: str
    custom_id: str
    response: Response | None = None
    error: Error | None = None


class Pace:
    """One request of all batches begins in a round of the event loop: a hundred at once would keep everybody waiting
    for as long as it takes to encode them."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def turn(self) -> None:
        async with self._lock:
            await asyncio.sleep(0)


class Asking:
    """Answers the lines of one batch, each as soon as its lane has room for it."""

    def __init__(self, front_end: FrontEnd, app: ASGIApp, pace: Pace, asked: Asked, wall: Callable[[], float]) -> None:
        self._front_end, self._app, self._asked, self._wall = front_end, app, asked, wall
        self._pace = pace
        self.room = 1  # jobs that the batchers of its model take at once, as last seen

    async def __call__(self, line: Line) -> Answered:
        """Its answer, counted."""
        answered = await self._answered(line)
        outcome = "completed" if answered.is_good else "expired" if answered.is_expired else "failed"
        self._front_end.metrics.batch_lines[(outcome,)] += 1
        return answered

    async def _answered(self, line: Line) -> Answered:
        """Tried again while it is refused for now, until the time of the batch is over."""
        try:
            request = request_from(line.text or b"", self._asked.endpoint)
        except Malformed as wrong:  # it was looked at before, so the file has changed
            return _without(f"{self._asked.id}-{line.number}", "", wrong.code, wrong.message)
        name = f"{self._asked.id[:SHOWN]}-{line.number}"
        while (time_left := self._asked.expires_at - self._wall()) > 0.0:
            async with AsyncExitStack() as share:
                await self._enter(share, request)
                await self._pace.turn()
                attempt = self._attempt(name, request, share)
                answer = await attempt.run(self._app, time_left, self._front_end.clock())
            if attempt.wait is None:
                return _shown(name, request, answer)
            await asyncio.sleep(min(attempt.wait, max(0.0, self._asked.expires_at - self._wall())))
        return _without(name, request.custom_id, "batch_expired", EXPIRED, is_expired=True)

    async def _enter(self, share: AsyncExitStack, request: Request) -> None:
        """Room in the lane of its model, until the stack ends; one that is not there now answers by itself."""
        model, jobs = asks_for(request.body)
        served = self._served(model)
        if served is not None:
            self.room = max(1, room_of(served))
            tokens = len(bytes(request.body)) // BYTES_A_TOKEN
            await share.enter_async_context(self._front_end.lane_share.of(served, Lane.BULK, jobs, tokens))

    def _attempt(self, name: str, request: Request, share: AsyncExitStack) -> Attempt:
        """A try. One that turns out to be larger than the batchers' room goes in portions, as a large prediction does,
        and each has a share of its own: holding two at once could bring all of them to a halt."""
        stored = self._stored(name)
        pump = Pump(name, self._front_end, stored.identity, share.aclose)
        return Attempt(stored, bytes(request.body), self._front_end.caller_named, pump)

    def _served(self, model: str | None) -> Served | None:
        directory, endpoint = self._front_end.tasks.discovery.directory, self._asked.endpoint
        if endpoint.startswith(MODELS):
            model = unquote(endpoint.removeprefix(MODELS))
        name = model or directory.default(TASK_OF.get(endpoint, "")) or ""
        return directory.newest(own_name(self._front_end.aliases, name))

    def _stored(self, name: str) -> Stored:
        headers = {"content-type": "application/json", "jitney-lane": str(Lane.BULK), "x-request-id": name}
        path, caller = self._asked.endpoint, self._asked.caller
        return Stored(path=path, query="", headers=headers, model="", task="", lane=str(Lane.BULK), caller=caller)


def _shown(name: str, request: Request, answer: Answer) -> Answered:
    if answer.status == 504:
        return _without(name, request.custom_id, "batch_expired", EXPIRED, is_expired=True)
    response = Response(status_code=answer.status, request_id=name, body=Raw(answer.body))
    return _written(OutputLine(id=name, custom_id=request.custom_id, response=response), is_good=answer.status < 400)


def _without(name: str, custom_id: str, code: str, message: str, *, is_expired: bool = False) -> Answered:
    line = OutputLine(id=name, custom_id=custom_id, error=Error(code, message))
    return _written(line, is_good=False, is_expired=is_expired)


def _written(line: OutputLine, *, is_good: bool, is_expired: bool = False) -> Answered:
    return Answered(msgspec.json.encode(line) + b"\n", is_good, is_expired)
