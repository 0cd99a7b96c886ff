"""A server that answers from a script, in this process, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from jitney.client.sending.options import Options, options_of
from tests.conftest import FakeClock

URL = "http://jitney.test/prefix"
Said = tuple[int, Mapping[str, str], Any] | Exception  # status, headers, body; or what befalls the connection


@dataclass(slots=True)
class Scripted:
    """`replies` in their order; then every record's text comes back in capitals. `takes` is how long a reply takes."""

    clock: FakeClock
    replies: list[Said] = field(default_factory=list)
    asked: list[httpx2.Request] = field(default_factory=list)
    takes: float = 0.0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        self.clock.tick(self.takes)
        said = self.replies.pop(0) if self.replies else (200, {}, shouted(json.loads(request.content)))
        if isinstance(said, Exception):
            raise said
        status, headers, body = said
        return httpx2.Response(status, headers=headers, content=body if isinstance(body, bytes) else json.dumps(body))

    async def awaited(self, request: httpx2.Request) -> httpx2.Response:
        return self(request)

    def sent(self, header: str) -> list[str | None]:
        return [request.headers.get(header) for request in self.asked]


def shouted(body: Any) -> Any:
    return {"result": [{"id": row["id"], "text": row["text"].upper()} for row in body["payload"]["records"]]}


def refusal(status: int, code: str, **headers: str) -> Said:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, {"code": code, "detail": "This is why.", "status": status}


def options(**changes: Any) -> Options:
    usual: dict[str, Any] = {"timeout": 60.0, "max_retries": 3, "lane": "interactive", "raise_on_error": False}
    return options_of(URL, None, **(usual | changes))


def ticking(clock: FakeClock) -> Callable[[float], None]:
    """A sleep that takes no time."""
    return clock.tick
