"""What is sent in place of a result, counted and written to the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from broker.common.throttled_log import ThrottledLog
from server.callers.caller import ANONYMOUS
from server.errors import ASKS_TO_COME_BACK, OF_STATUS, Problem
from server.front_end import FrontEnd
from server.http.context import identity, route_of
from server.http.layers.options import nowhere

UNAUTHENTICATED = 401  # whoever tries keys writes no log of ours
log = structlog.get_logger("server")


class Refusals:
    """Makes an answer of each problem, whether an endpoint or the router has raised it."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._metrics = front_end.metrics
        self._clock = front_end.clock
        self._throttled: dict[str, ThrottledLog] = {}  # by code

    def of(self, error: Problem | HTTPException, scope: Scope) -> Response:
        """The answer to this request."""
        problem = _translated(error, scope["path"]) if isinstance(error, HTTPException) else error
        caller = scope["context"].caller
        scope["problem"] = problem.code
        self._metrics.refused(problem.code)
        if caller is not ANONYMOUS:
            self._metrics.refused_caller(caller.id, problem.code)
        response: Response = scope["context"].refused(problem, getattr(error, "headers", None))
        self._write_line(scope, problem, response.status_code)
        return response

    def _write_line(self, scope: Scope, problem: Problem, status: int) -> None:
        """Overload, outages and wrong keys refuse hundreds a second for one reason: such lines are throttled, with a
        count."""
        write: Callable[..., Any] = log.warning if problem.status >= 500 else log.info
        if problem.status in (*ASKS_TO_COME_BACK, UNAUTHENTICATED):
            write = self._throttled.setdefault(problem.code, ThrottledLog(write, self._clock))
        write("refused", **identity(scope), route=route_of(scope), status=status, code=problem.code)


def _translated(error: HTTPException, path: str) -> Problem:
    """What routing raises, in our words."""
    if error.status_code == 404:
        return nowhere(path)
    allowed = (error.headers or {}).get("Allow")
    return Problem(OF_STATUS.get(error.status_code, "internal"), f"This address takes {allowed}.")
