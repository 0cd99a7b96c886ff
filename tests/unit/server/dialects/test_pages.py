"""An address of an API where no model answers: it reads its fields as all others do, and refuses in its flavour."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import get_ident
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.api.fields import fields_of
from server.api.incoming import Incoming
from server.codecs.encoding import INLINE
from server.dialects import families
from server.dialects.family import Family
from server.dialects.flavour import Flavour
from server.front_end import FrontEnd
from tests.unit.server.stand_in import RunningFrontEnd, running

pytestmark = pytest.mark.anyio


def echo(front_end: FrontEnd) -> Route:
    async def fields(request: Request) -> Response:
        return Response(msgspec.json.encode(await fields_of(front_end, request)))

    return Route("/echoed", fields, methods=["GET", "POST"])


ECHOING = Family(
    name="openai",  # which is chosen
    pages=[echo, echo],
    flavours={"/echoed": Flavour(statuses={"too_large": 400}).refuse, "/echo/": Flavour().refuse},
)


@asynccontextmanager
async def echoing(monkeypatch: pytest.MonkeyPatch, **how: Any) -> AsyncIterator[RunningFrontEnd]:
    monkeypatch.setattr(families, "FAMILIES", [ECHOING])
    async with running(**how) as jitney:
        yield jitney


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_page_reads_a_form_whatever_its_method(monkeypatch, method):
    async with echoing(monkeypatch) as jitney:
        answer = await jitney.client.request(method, "/echoed?b=2", data={"a": "1"})

        assert answer.json() == {"a": "1", "b": "2"}


@pytest.mark.parametrize("place", ["data", "params"])
async def test_large_fields_are_read_beside_the_event_loop(monkeypatch, place):
    threads: list[int] = []
    read = Incoming.fields
    monkeypatch.setattr(Incoming, "fields", lambda self: threads.append(get_ident()) or read(self))
    async with echoing(monkeypatch) as jitney:
        sent = [{"a": "1"}, {"a": "1" * INLINE}]
        answers = [await jitney.client.post("/echoed", **{place: one}) for one in sent]

    assert [answer.json() for answer in answers] == sent
    assert [thread == get_ident() for thread in threads] == [True, False]


async def test_a_page_takes_no_larger_body_than_others_and_says_so_in_its_way(monkeypatch):
    async with echoing(monkeypatch, max_body_bytes=10) as jitney:
        answer = await jitney.client.post("/echoed", json={"a": "1" * 10})

        assert (answer.status_code, answer.json()["code"]) == (400, "too_large")
        assert answer.json()["error"] == answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "is_theirs"),
    [
        pytest.param("PUT", "/echoed", True, id="a method that a page does not take"),
        pytest.param("GET", "/echo/nowhere", True, id="nothing, below a prefix"),
        pytest.param("GET", "/echoed/nowhere", False, id="nothing, below a page"),
        pytest.param("GET", "/v1/nowhere", False, id="nothing, elsewhere"),
    ],
)
async def test_what_leads_nowhere_says_so_in_the_flavour_of_its_address(monkeypatch, method, path, is_theirs):
    async with echoing(monkeypatch) as jitney:
        answer = await jitney.client.request(method, path)

        assert answer.status_code == (405 if path == "/echoed" else 404)
        assert ("message" in answer.json()) == is_theirs
