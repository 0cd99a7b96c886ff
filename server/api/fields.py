"""What a request says to an address where no model answers, within the bounds of every other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from server.api.incoming import Incoming
from server.codecs.encoding import INLINE
from server.codecs.work import Work
from server.front_end import FrontEnd
from server.http.bodies import ANYTHING
from server.http.body import time_limit


async def fields_of(front_end: FrontEnd, request: Request) -> Mapping[str, Any]:
    """As `Incoming.fields`, read in a thread where they are large. Raises `Problem`; `ClientGone`."""
    settings, scope, receive = front_end.settings, request.scope, request.receive
    context, incoming = scope["context"], Incoming(front_end, scope)
    seconds = time_limit(context.headers, settings.default_timeout, settings.max_timeout)
    with front_end.bytes_in_hand.hold() as held, front_end.deadlines.over(receive, context.started, seconds):
        await incoming.arrive(ANYTHING, settings.max_body_bytes, receive, held)
        if incoming.size <= INLINE:
            return incoming.fields()
        return await front_end.pool.run(incoming.fields, incoming.size, Work())
