"""The application as data: routes, handlers, lifespan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from server.api.described.docs import docs, openapi
from server.api.models import model_list, one_model
from server.api.ops import livez, readyz
from server.batches.startup import RunsBoth
from server.batches.startup import routes as batches
from server.cache.startup import cache_served
from server.callers.identification import Identification
from server.callers.startup import keys_watched
from server.dialects.contract import RequestReader
from server.dialects.either import Either
from server.dialects.families import chosen
from server.dialects.family import Family
from server.dialects.openai.errors import PREFIX, refuse
from server.files.routes import routes as files
from server.files.startup import files_swept
from server.front_end import FrontEnd
from server.history.noted import Noted
from server.history.page import history_page
from server.http.addresses import Addresses, Refuse
from server.http.layers.cors import Cors, parse_origins
from server.http.layers.gzip import Gzip
from server.http.layers.middleware import RequestMiddleware
from server.http.layers.options import Options
from server.predictions.events.stream import routes as events
from server.predictions.routes import routes as predictions
from server.predictions.submission import Submission
from server.webhooks.sender import webhooks_sent

ALWAYS_THERE: dict[str, Refuse] = {PREFIX: refuse}  # models, files and batches, whoever else is spoken
ENDPOINTS = (model_list, one_model, livez, readyz, docs, openapi, history_page)


def create_app(front_end: FrontEnd, meeting: float = 0.0) -> Starlette:
    """The application of one front end; its lifespan runs the tasks that talk to the broker, and begins when they have
    met it, or after `meeting` seconds: a port that opens sooner refuses what a front end beside it would have answered.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            front_end.tasks.running(),
            webhooks_sent(front_end),
            files_swept(front_end),
            keys_watched(front_end),
            cache_served(front_end),
            running.watching(),
        ):
            try:
                if meeting:
                    await front_end.tasks.discovery.wait_until_met(meeting)
                yield
            finally:
                await front_end.tasks.predictions.hand_over()
                if front_end.history is not None:
                    await front_end.history.appender.hand_over()

    spoken = chosen(front_end.settings.dialects)
    readers = dict(_readers(spoken))
    inferences = list(_inferences(front_end, spoken, readers))
    in_batches = [path for family in spoken if family.is_in_batches for path in family.inferences]
    pages = [page(front_end) for page in dict.fromkeys(page for family in spoken for page in family.pages)]
    kept = [*predictions(front_end), *events(front_end), *files(front_end), *batches(front_end, in_batches)]
    app = Starlette(
        routes=[*inferences, *pages, *kept, *(made(front_end) for made in ENDPOINTS)],
        lifespan=lifespan,
    )
    # In place of Starlette's own layers, which would do what this one does once more.
    flavours = {path: refuse for family in spoken for path, refuse in family.flavours.items()} | ALWAYS_THERE
    addresses = Addresses(Options(app.router), inferences, flavours)
    answering = RequestMiddleware(addresses, front_end, _identification(front_end, readers, spoken))
    app.middleware_stack, later = _with_layers(front_end, answering, app.router)
    front_end.tasks.predictions.run_one = running = RunsBoth(front_end, later)
    app.router.redirect_slashes = False  # a redirect would be built from the Host header, which behind a proxy is wrong
    return app


def _with_layers(front_end: FrontEnd, now: ASGIApp, later: ASGIApp) -> tuple[ASGIApp, ASGIApp]:
    """With those that settings ask for: around what is answered at once, and around what is answered later."""
    if front_end.tracer is not None:
        from server.http.layers.tracing import Traced, TracedAttempt

        now, later = Traced(now, front_end.tracer), TracedAttempt(later, front_end.tracer)
    if least := front_end.settings.gzip_from:
        now = Gzip(now, front_end.pool, least)
    if origins := parse_origins(front_end.settings.cors):
        now = Cors(now, origins)
    return now, later


def _identification(
    front_end: FrontEnd, readers: Mapping[str, RequestReader], spoken: Sequence[Family]
) -> Identification | None:
    if front_end.authentication is None:
        return None
    return Identification(front_end.authentication, readers, spoken)


def _readers(spoken: Sequence[Family]) -> Iterator[tuple[str, RequestReader]]:
    """Of each address where models answer. One that several share asks the body who is meant."""
    for path, families in _speakers(spoken).items():
        dialects = [family.inferences[path] for family in families]
        yield path, dialects[0] if len(dialects) == 1 else Either(dialects)


def _inferences(front_end: FrontEnd, spoken: Sequence[Family], readers: Mapping[str, RequestReader]) -> Iterator[Route]:
    for path, families in _speakers(spoken).items():
        inference = families[0].endpoint(front_end, readers[path])
        is_later = any(family.is_answered_later for family in families)
        endpoint = Submission(front_end, inference) if is_later else inference
        yield Route(
            path, endpoint if front_end.history is None else Noted(front_end.history, endpoint), methods=["POST"]
        )


def _speakers(spoken: Sequence[Family]) -> Mapping[str, list[Family]]:
    found: dict[str, list[Family]] = defaultdict(list)
    for family in spoken:
        for path in family.inferences:
            found[path].append(family)
    return found
