"""An address whose requests the history knows."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from server.history.history import History


class Noted:
    """Around the endpoint of one address: a request is noted once its answer has gone out."""

    def __init__(self, history: History, endpoint: ASGIApp) -> None:
        self._history, self._endpoint = history, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._history.note(scope["context"]):
            await self._endpoint(scope, receive, send)
