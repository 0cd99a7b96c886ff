"""A prediction's request and answer, as front ends keep them at the broker."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from broker.tracing.context import TRACE_ID, trace_headers
from server.errors import Problem

# Of a request's headers those that its answer depends on; its trace is kept besides.
KEPT = ("content-type", "jitney-lane", "x-request-id")
MOST = 8_192  # bytes of all but the body
# Results of translation shrink to half at 4 KB and to 42 % at 1 MB, vectors to 45 %: twice as many are kept. At level 1
# a MB takes 12 ms of a core and 4 ms to read, 4 KB take 0.03 ms; all of a prediction takes 3 ms.
DEFLATED = 1_024  # bytes of a result beyond which it is kept deflated
LARGE = 65_536  # bytes beyond which a thread does that: nobody waits for it
FASTEST = 1


class Stored(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request, but for its body."""

    path: str
    query: str
    headers: dict[str, str]
    model: str  # its name, never a revision: a rollout may pass meanwhile
    task: str
    lane: str
    has_rows: bool = False  # its reply has a row for each record, that stands alone
    webhook: str = ""  # whom to tell when it has ended
    caller: str = ""  # whose it is

    @property
    def trace(self) -> dict[str, str]:
        """The headers of the trace that it belongs to, where there is one."""
        return trace_headers({name.encode("ascii"): value.encode("latin-1") for name, value in self.headers.items()})

    @property
    def identity(self) -> dict[str, str]:
        """What names it in the log: the id of its request, and the trace that it belongs to, where they are known."""
        request, trace = self.headers.get("x-request-id", ""), self.trace.get("traceparent", "")[TRACE_ID]
        return {name: value for name, value in (("request_id", request), ("trace_id", trace)) if value}


class Answer(Struct, frozen=True, kw_only=True):
    """What the client would have got, had it waited."""

    status: int
    media_type: str
    body: bytes
    timing: str = ""
    model: str = ""  # who answered, name@revision
    is_deflated: bool = False  # its body


_requests, _answers = msgspec.json.Decoder(Stored), msgspec.msgpack.Decoder(Answer)


def kept_headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    found = {name: headers.get(name.encode("ascii")) for name in KEPT}
    known = {name: value.decode("latin-1") for name, value in found.items() if value is not None}
    return known | trace_headers(headers)


def request_to_bytes(request: Stored) -> bytes:
    """Raises `Problem` (headers_too_large)."""
    found = msgspec.json.encode(request)
    if len(found) > MOST:
        raise Problem("headers_too_large", f"Address and headers of a prediction may have at most {MOST} bytes.")
    return found


def request_from(data: bytes) -> Stored:
    return _requests.decode(data)


def named(data: bytes) -> dict[str, str]:
    """What names it in the log; nothing where it cannot be read."""
    try:
        return request_from(data).identity
    except ValueError:
        return {}


def answer_to_bytes(answer: Answer) -> bytes:
    small = zlib.compress(answer.body, FASTEST) if len(answer.body) > DEFLATED else answer.body
    if len(small) < len(answer.body):
        answer = msgspec.structs.replace(answer, body=small, is_deflated=True)
    return msgspec.msgpack.encode(answer)


def answer_from(data: bytes) -> Answer:
    answer = _answers.decode(data)
    if not answer.is_deflated:
        return answer
    return msgspec.structs.replace(answer, body=zlib.decompress(answer.body), is_deflated=False)


async def write_answer(answer: Answer) -> bytes:
    """The same, and no other request waits for a large one."""
    if len(answer.body) <= LARGE:
        return answer_to_bytes(answer)
    return await asyncio.to_thread(answer_to_bytes, answer)


async def read_answer(data: bytes) -> Answer:
    if len(data) <= LARGE:
        return answer_from(data)
    return await asyncio.to_thread(answer_from, data)
