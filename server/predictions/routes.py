"""/predictions/{id} and its result: how far it is, its answer, and its end by DELETE."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope

from broker.predictions.contract import Prediction, PredictionBroker, State
from server.batches.kept import PREFIX
from server.callers.caller import Caller
from server.callers.owners import sees, sees_all
from server.errors import Problem
from server.front_end import FrontEnd
from server.predictions.document import PATH, address, come_back, document, entity_tag, is_known
from server.predictions.prefer import LONGEST_WAIT, wait_of
from server.predictions.stored import read_answer, request_from

JSON = "application/json"
UNKNOWN = "There is no prediction of this id, or its time is over."
LOST = "The broker has lost its memory since, and this prediction with it: send the request again."
CANCELED = "This prediction was canceled."


class Predictions:
    """Answers about predictions, whoever runs them."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self._keeper = front_end.tasks.predictions

    async def wait(self, id: str, seconds: float, receive: Receive, scope: Scope) -> None:
        """Until it has ended, for so long at most. Raises `ClientGone` when its client hangs up."""
        found = (await self._keeper.ask(lambda broker: broker.read([id]))).get(id)
        if found is None or not found.state.is_open:
            return
        over, started = self._front_end.deadlines.over, scope["context"].started
        with over(receive, started, self._front_end.clock() - started + seconds + LONGEST_WAIT) as listening:
            listening.listen()
            await self._keeper.until_ended(id, seconds)

    async def described(self, id: str, status: int = 200) -> Response:
        """Its document."""
        return self._document(await self.found(id), status)

    async def status(self, id: str, if_none_match: str | None) -> Response:
        """Its document, unless the client has it."""
        found = await self.found(id)
        response = self._document(found, 200)
        if not is_known(entity_tag(found), if_none_match):
            return response
        kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return Response(status_code=304, headers=kept)

    async def result(self, id: str) -> Response:
        """What a client would have got that waits. Raises `Problem` for one that was canceled, or is none."""

        async def fetch(broker: PredictionBroker) -> tuple[Prediction | None, bytes | None]:
            found = (await broker.read([id])).get(id)
            if found is None or found.state.is_open or found.state is State.CANCELED:
                return found, None
            return found, await broker.result(id, found.owner)

        found, kept = await self._keeper.ask(fetch)
        if found is not None and found.state.is_open:
            return self._document(found, 202)
        if found is not None and found.state is State.CANCELED:
            raise Problem("canceled", CANCELED)
        if kept is None:
            raise await self.none(id)
        answer = await read_answer(kept)
        headers = {"server-timing": answer.timing, "jitney-model": answer.model}
        headers = {name: value for name, value in headers.items() if value} | {"cache-control": "no-store"}
        return Response(answer.body, answer.status, headers, media_type=answer.media_type)

    async def remove(self, id: str) -> Response:
        """Cancel an open one, forget an ended one."""
        before = await self._keeper.ask(lambda broker: broker.remove(id))
        if before is None:
            raise await self.none(id)
        if not before.is_open:
            return Response(status_code=204)
        self._keeper.drop(id)
        self._front_end.metrics.predictions[(str(State.CANCELED),)] += 1
        try:
            return await self.described(id, 202)
        except Problem as problem:
            if problem.code != "not_found":
                raise
            return Response(status_code=204)  # another DELETE has found it canceled, and forgotten it

    def _document(self, found: Prediction, status: int) -> Response:
        served = self._front_end.tasks.discovery.directory.served
        headers = {"etag": entity_tag(found), "cache-control": "no-store"} | come_back(found, served)
        if status == 202:
            headers["location"] = address(found.id)
        return Response(document(found), status, headers, media_type=JSON)

    async def found(self, id: str) -> Prediction:
        """Raises `Problem` where there is none."""
        found = (await self._keeper.ask(lambda broker: broker.read([id]))).get(id)
        if found is None:
            raise await self.none(id)
        return found

    async def require_own(self, id: str, caller: Caller) -> None:
        """Raises `Problem` where there is none, or it is another's."""
        if not sees_all(caller) and not sees(caller, request_from((await self.found(id)).request).caller):
            raise Problem("not_found", UNKNOWN)

    async def none(self, id: str) -> Problem:
        """An id of another memory of the broker was lost with it; any other is not there."""
        epoch = await self._keeper.ask(lambda broker: broker.epoch())
        begins, dash, _ = id.partition("-")
        is_lost = dash and len(begins) == 8 and not epoch.startswith(begins)
        return Problem("prediction_lost", LOST) if is_lost else Problem("not_found", UNKNOWN)


def routes(front_end: FrontEnd) -> list[Route]:
    predictions = Predictions(front_end)

    async def one(request: Request) -> Response:
        id = await _own(request)
        if request.method == "DELETE":
            return await predictions.remove(id)
        return await _waited(request, lambda: predictions.status(id, request.headers.get("if-none-match")))

    async def result(request: Request) -> Response:
        id = await _own(request)
        return await _waited(request, lambda: predictions.result(id))

    async def _own(request: Request) -> str:
        id = id_in(request.path_params)
        await predictions.require_own(id, request.scope["context"].caller)
        return id

    async def _waited(request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
        wait = wait_of(request.query_params.get("wait"))
        if wait:
            await predictions.wait(request.path_params["id"], wait, request.receive, request.scope)
        return await answer()

    return [
        Route(f"{PATH}/{{id}}", one, methods=["GET", "DELETE"]),
        Route(f"{PATH}/{{id}}/result", result, methods=["GET"]),
    ]


def id_in(path_params: Mapping[str, str]) -> str:
    """Raises `Problem` for the id of a batch, whose lease lies beside the predictions."""
    id = path_params["id"]
    if id.startswith(PREFIX):
        raise Problem("not_found", UNKNOWN)
    return id
