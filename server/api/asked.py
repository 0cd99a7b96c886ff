"""The body of a request to an address where no model answers, within the bounds of every other."""

from __future__ import annotations

from starlette.requests import Request

from server.api.incoming import Incoming
from server.front_end import FrontEnd
from server.http.bodies import ANYTHING, Bodies
from server.http.body import time_limit


async def asked(front_end: FrontEnd, request: Request, bodies: Bodies = ANYTHING) -> Incoming:
    """The request with its body, to ask for its `fields()`. Raises `Problem`; `ClientGone`."""
    settings, scope, receive = front_end.settings, request.scope, request.receive
    context, incoming = scope["context"], Incoming(front_end, scope)
    seconds = time_limit(context.headers, settings.default_timeout, settings.max_timeout)
    with front_end.bytes_in_hand.hold() as held, front_end.deadlines.over(receive, context.started, seconds):
        await incoming.arrive(bodies, settings.max_body_bytes, receive, held)
    return incoming
