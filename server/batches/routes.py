"""/v1/batches: create, look at, list and cancel, as OpenAI's clients do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import msgspec
import structlog
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.batches.archive import Archive
from server.batches.creation import asked_from, request_from
from server.batches.document import document, listed, status_of
from server.batches.kept import Asked, Batch, KeyOwner, is_id, new_id
from server.batches.leases import Leases
from server.batches.operations import PATH
from server.batches.schema import ListOfBatches
from server.callers.caller import Caller
from server.callers.owners import owner_of, sees
from server.errors import Problem
from server.files.concurrently import concurrently
from server.files.problems import store_problems
from server.front_end import FrontEnd
from server.http.body import read_body
from server.predictions.prefer import digest, key_of
from server.webhooks.receiver import url_from

Endpoint = Callable[[Request], Awaitable[Response]]
log = structlog.get_logger("server.batches")

MOST_BODY = 65_536  # bytes
UNKNOWN = "There is no batch of this id."
OTHER_REQUEST = "This Idempotency-Key belongs to another request."


class BatchRoutes:
    """Answers about batches, whoever runs them. The store is what it tells."""

    def __init__(self, front_end: FrontEnd, archive: Archive, leases: Leases, endpoints: Collection[str]) -> None:
        self._front_end, self._archive, self._leases, self._endpoints = front_end, archive, leases, endpoints

    async def many(self, request: Request) -> Response:
        with store_problems():
            return await (self._create if request.method == "POST" else self._list)(request)

    async def one(self, request: Request) -> Response:
        with store_problems():
            return _json(document(await self._own(request)))

    async def cancel(self, request: Request) -> Response:
        with store_problems():
            return await self._cancel(await self._own(request))

    async def _create(self, request: Request) -> Response:
        context = request.scope["context"]
        webhook = url_from(context.headers.get(b"jitney-webhook"), self._front_end.settings)
        key = key_of(context.headers.get(b"idempotency-key"))
        with self._front_end.bytes_in_hand.hold() as held:
            body = await read_body(context.headers, request.receive, MOST_BODY, held)
        wanted = request_from(body, self._endpoints)
        await self._require_input(wanted.input_file_id, context.caller)
        id, is_new = await self._id(key, body, owner_of(context.caller))
        request_id = context.request_id.decode("ascii")
        made = asked_from(wanted, self._archive.wall(), id, webhook, owner_of(context.caller), request_id)
        asked = await self._archive.create(made)
        if is_new:
            self._front_end.metrics.batches[("created",)] += 1
        batch = await self._found(asked.id)
        if batch.end is None:
            await self._begin(asked)
        return _json(document(batch))

    async def _list(self, request: Request) -> Response:
        asked = _query(request)
        ids = [id for id in await self._archive.ids() if not asked.after or id < asked.after]
        found: list[Batch] = []
        async for _, one in concurrently(ids, self._archive.find):
            if one is not None and sees(request.scope["context"].caller, one.asked.caller):
                found.append(one)
            if len(found) > asked.limit:
                break
        return _json(listed(found[: asked.limit], has_more=len(found) > asked.limit))

    async def _cancel(self, batch: Batch) -> Response:
        if batch.end is not None:
            raise Problem("malformed", f"This batch cannot be cancelled: it is {status_of(batch)}.")
        await self._archive.cancel(batch.asked.id)
        try:
            await self._leases.begin_anew(batch.asked, self._archive.wall())
        except Problem as problem:  # whoever runs it finds that in the store
            log.warning("batch is cancelled without the broker", **batch.asked.identity, code=problem.code)
        return _json(document(await self._found(batch.asked.id)))

    async def _require_input(self, id: str, caller: Caller) -> None:
        """Raises `Problem` (not_found)."""
        assert self._front_end.files is not None
        try:
            await self._front_end.files.find(id, caller)
        except Problem as problem:
            raise Problem(problem.code, problem.detail, param="input_file_id") from None

    async def _id(self, key: bytes, body: bytes, owner: str) -> tuple[str, bool]:
        """The id that this request has, and whether it is a new one. Raises `Problem` (key_reused)."""
        mine = KeyOwner(id=new_id(self._archive.wall()), fingerprint=digest(body))
        if not key:
            return mine.id, True
        of_caller = [owner.encode()] if owner else []
        first = await self._archive.own(digest(*of_caller, PATH.encode(), key), mine)
        if first.fingerprint != mine.fingerprint:
            raise Problem("key_reused", OTHER_REQUEST)
        return first.id, first.id == mine.id

    async def _begin(self, asked: Asked) -> None:
        try:
            await self._leases.begin(asked, self._archive.wall())
        except Problem as problem:  # it is in the store, where whoever looks finds it
            log.warning("batch begins without the broker", **asked.identity, code=problem.code)

    async def _own(self, request: Request) -> Batch:
        """Raises `Problem` where there is none, or it is another's."""
        batch = await self._found(request.path_params["id"])
        if not sees(request.scope["context"].caller, batch.asked.caller):
            raise Problem("not_found", UNKNOWN)
        return batch

    async def _found(self, id: str) -> Batch:
        batch = await self._archive.find(id)
        if batch is None:
            raise Problem("not_found", UNKNOWN)
        return batch


def routes(many: Endpoint, one: Endpoint, cancel: Endpoint) -> list[Route]:
    return [
        Route(PATH, many, methods=["GET", "POST"]),
        Route(f"{PATH}/{{id}}", one, methods=["GET"]),
        Route(f"{PATH}/{{id}}/cancel", cancel, methods=["POST"]),
    ]


def _json(shown: Struct) -> Response:
    return Response(msgspec.json.encode(shown), media_type="application/json", headers={"cache-control": "no-store"})


def _query(request: Request) -> ListOfBatches:
    """Raises `Problem` (malformed)."""
    try:
        found = msgspec.convert(dict(request.query_params), ListOfBatches, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("malformed", f"{error}.", param="limit") from None
    if found.after and not is_id(found.after):
        raise Problem("not_found", UNKNOWN, param="after")
    return found
