"""A stored request is sent through its address as its client would have sent it; what it is answered is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Scope

from broker.messages import FailureCode
from broker.predictions.contract import State
from server.callers.caller import Caller
from server.codecs.asker import ASKER
from server.errors import ASKS_TO_COME_BACK, INTERNAL_DETAIL, MEDIA_TYPE, Problem, whole_seconds
from server.http.context import RequestContext
from server.predictions.large.pump import Pump
from server.predictions.stored import Answer, Stored

log = structlog.get_logger("server.predictions")


class Attempt:
    """A stored request and what became of it the last time that it was run."""

    def __init__(self, stored: Stored, body: bytes, named: Callable[[str], Caller], pump: Pump | None = None) -> None:
        """`named` says what its caller may ask for by now, or raises a `Problem`."""
        self.stored = stored
        self._named = named
        self._body = body
        self._pump = pump
        self._headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in stored.headers.items()]
        self._request_id = stored.headers.get("x-request-id", "").encode("latin-1")
        self.context = RequestContext(self._request_id, 0.0, dict(self._headers))
        self.state = State.FAILED
        self.wait: float | None = None  # seconds until it may be tried again; None: that would be of no use

    async def run(self, app: ASGIApp, time_left: float, now: float) -> Answer:
        """The answer of its address, which has so many seconds."""
        self.context = RequestContext(self._request_id, now, dict(self._headers))
        self.context.time_left, self.context.pump = time_left, self._pump
        ASKER.set(self.context)
        self.state, self.wait = State.SUCCEEDED, None
        self._answer: dict[str, Any] = {"body": b""}
        self._is_read = False
        try:
            self.context.caller = self._named(self.stored.caller)
            await app(self._scope(), self._receive, self._send)
        except Problem as problem:
            return self.refused(problem)
        except Exception:
            log.exception("prediction crashed", **self.stored.identity, route=self.stored.path)
            return self.refused(Problem("internal", INTERNAL_DETAIL))
        return Answer(model=self.context.model.decode("ascii"), **self._answer)

    def refused(self, problem: Problem) -> Answer:
        """This problem ends it."""
        self.state = State.EXPIRED if problem.code == FailureCode.EXPIRED else State.FAILED
        self.wait = float(whole_seconds(problem.retry_after)) if problem.status in ASKS_TO_COME_BACK else None
        shown = self.context.refuse(problem, self._request_id.decode("latin-1"))
        media_type, model = (shown.media_type or MEDIA_TYPE).decode("ascii"), self.context.model.decode("ascii")
        return Answer(status=shown.status, media_type=media_type, body=shown.body, model=model)

    def _scope(self) -> Scope:
        stored = self.stored
        headers = [*self._headers, (b"content-length", b"%d" % len(self._body))]
        address = {"path": stored.path, "raw_path": stored.path.encode("utf-8"), "root_path": ""}
        asked = {"type": "http", "http_version": "1.1", "method": "POST", "headers": headers, "context": self.context}
        return {**asked, **address, "query_string": stored.query.encode("latin-1")}

    async def _receive(self) -> Message:
        if self._is_read:
            await asyncio.Event().wait()  # this client never hangs up
        self._is_read = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = {name: value.decode("latin-1") for name, value in message["headers"]}
            self._answer |= {"status": message["status"], "media_type": headers[b"content-type"]}
            self._answer["timing"] = headers.get(b"server-timing", "")
        else:
            self._answer["body"] += message.get("body", b"")
