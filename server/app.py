"""The application as data: routes, handlers, lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route

from server.api.docs import docs, openapi
from server.api.inference import Inference
from server.api.models import model_list, one_model
from server.api.ops import livez, readyz
from server.batches.startup import RunsBoth
from server.batches.startup import routes as batches
from server.clustering.endpoint import Clustering
from server.dialects import clustering, huggingface, native, sentences
from server.dialects.openai import embeddings
from server.dialects.openai import errors as openai
from server.dialects.openai.endpoint import OpenAIEmbeddings
from server.files.routes import routes as files
from server.files.startup import files_swept
from server.front_end import FrontEnd
from server.http.addresses import Addresses
from server.http.middleware import RequestMiddleware
from server.predictions.events.stream import routes as events
from server.predictions.routes import routes as predictions
from server.predictions.submission import Submission
from server.webhooks.sender import webhooks_sent

DIALECTS = (native.ROUTES, huggingface.ROUTES)
DIALECTS_OF_CLUSTERS = (clustering.ROUTES, sentences.ROUTES)
DIALECTS_OF_OPENAI = (embeddings.ROUTES,)
OURS = (native.ROUTES, clustering.ROUTES, sentences.ROUTES)  # these can be answered later
IN_BATCHES = (*OURS, *DIALECTS_OF_OPENAI)  # lines of batches may ask for these
FLAVOURS = {openai.PREFIX: openai.refuse}
ENDPOINTS = (model_list, one_model, livez, readyz, docs, openapi)


def create_app(front_end: FrontEnd, meeting: float = 0.0) -> Starlette:
    """The application of one front end; its lifespan runs the tasks that talk to the broker, and begins when they have
    met it, or after `meeting` seconds: a port that opens sooner refuses what a front end beside it would have answered.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with front_end.tasks.running(), webhooks_sent(front_end), files_swept(front_end), running.watching():
            try:
                if meeting:
                    await front_end.tasks.discovery.wait_until_met(meeting)
                yield
            finally:
                await front_end.tasks.predictions.hand_over()

    inferences = [
        Route(path, _answered_later(front_end, routes, endpoint(front_end, dialect)), methods=["POST"])
        for endpoint, dialects in (
            (Inference, DIALECTS),
            (Clustering, DIALECTS_OF_CLUSTERS),
            (OpenAIEmbeddings, DIALECTS_OF_OPENAI),
        )
        for routes in dialects
        for path, dialect in routes.items()
    ]
    in_batches = [path for routes in IN_BATCHES for path in routes]
    kept = [*predictions(front_end), *events(front_end), *files(front_end), *batches(front_end, in_batches)]
    app = Starlette(
        routes=[*inferences, *kept, *(made(front_end) for made in ENDPOINTS)],
        lifespan=lifespan,
    )
    # In place of Starlette's own layers, which would do what this one does once more.
    app.middleware_stack = RequestMiddleware(Addresses(app.router, inferences, FLAVOURS), front_end)
    front_end.tasks.predictions.run_one = running = RunsBoth(front_end, app.router)
    app.router.redirect_slashes = False  # a redirect would be built from the Host header, which behind a proxy is wrong
    return app


def _answered_later(front_end: FrontEnd, routes: object, inference: Inference) -> Inference | Submission:
    """Our own addresses take `Prefer: respond-async`; a dialect of others has no word for it."""
    return Submission(front_end, inference) if routes in OURS else inference
