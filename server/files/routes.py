"""/v1/files: upload, list, look up, download and delete, as OpenAI's clients ask for it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from server.callers.caller import Caller
from server.errors import Problem
from server.files.download import Downloads
from server.files.files import MOST_OF_A_PAGE, Order
from server.files.operations import PATH, DeletedFile
from server.files.problems import store_problems
from server.files.startup import files_of
from server.files.upload import Uploads
from server.front_end import FrontEnd

LARGEST_LIMIT = 10_000  # OpenAI's; a page has MOST_OF_A_PAGE at most, and says that there is more

Download = Callable[[Scope, Receive, Send], Awaitable[None]]


def routes(front_end: FrontEnd) -> list[Route]:
    files = front_end.files
    uploads = files and Uploads(files, front_end.settings.max_file_bytes, front_end.clock)
    downloads = files and Downloads(files)

    async def many(request: Request) -> Response:
        files = files_of(front_end)
        if request.method == "POST":
            assert uploads
            return _json(await uploads.take(request.scope, request.receive))
        query = request.query_params
        order, limit = _order(query.get("order")), _limit(query.get("limit"))
        with store_problems():
            return _json(await files.page(query.get("after"), limit, order, query.get("purpose"), _caller(request)))

    async def one(request: Request) -> Response:
        files, id = files_of(front_end), request.path_params["id"]
        with store_problems():
            if request.method == "DELETE":
                await files.delete(id, _caller(request))
                return _json(DeletedFile(id=id))
            return _json(await files.find(id, _caller(request)))

    async def content(request: Request) -> Download:
        with store_problems():
            file = await files_of(front_end).find(request.path_params["id"], _caller(request))
        assert downloads
        return partial(downloads.send, file)

    return [
        Route(PATH, many, methods=["GET", "POST"]),
        Route(f"{PATH}/{{id}}", one, methods=["GET", "DELETE"]),
        Route(f"{PATH}/{{id}}/content", content, methods=["GET"]),
    ]


def _caller(request: Request) -> Caller:
    found: Caller = request.scope["context"].caller
    return found


def _json(told: object) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")


def _order(said: str | None) -> Order:
    if said in (None, "desc"):
        return "desc"
    if said == "asc":
        return "asc"
    raise Problem("malformed", f"order is {' or '.join(get_args(Order))}", param="order")


def _limit(said: str | None) -> int:
    if said is None:
        return MOST_OF_A_PAGE
    if not re.fullmatch("[0-9]{1,5}", said) or not 1 <= int(said) <= LARGEST_LIMIT:
        raise Problem("malformed", f"limit is a number, 1 to {LARGEST_LIMIT}", param="limit")
    return min(int(said), MOST_OF_A_PAGE)
