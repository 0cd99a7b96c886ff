"""Requests under way while things break: each has a text of its own, and its whole fate is kept.

    with traffic(stack.urls, rate=200) as calls:
        stack.batchers[0].kill()
    check_answers(calls)

Leaving the block stops the sending and waits until every request has met its fate.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.lib.http_client import HttpClient
from tests.waiting import until

PATH = "/models/synthetic"
LARGE = 20_000  # characters: the body of such a job lies apart from its header in the broker
PATIENCE = 30.0  # seconds; a request that has no answer by then hangs
LOST, HUNG = 0, -1  # in the place of a status: the connection broke; no answer in time
READY_EVERY = 0.1  # seconds between a balancer's looks at /readyz
Urls = Callable[[], Sequence[str]]
_numbers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and its fate."""

    text: str  # what it asked with: no two calls have the same
    sent: float  # seconds, `time.monotonic`
    seconds: float  # until its fate
    status: int  # of HTTP; LOST, HUNG
    body: bytes = b""
    retry_after: str = ""
    model: str = ""  # name@revision that answered

    @property
    def ended(self) -> float:
        return self.sent + self.seconds

    def json(self) -> Any:
        return json.loads(self.body)


class Sender:
    """Sends one request at a time or many, and keeps their fates in `calls`."""

    def __init__(
        self, *, headers: Mapping[str, str], path: str, patience: float, padding: int = 0, padded: int = 1
    ) -> None:
        self.calls: list[Call] = []
        self._extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._path, self._patience = path, patience
        self._padding, self._padded = "x" * padding, padded  # one text in so many is so much longer
        self._clients: dict[str, HttpClient] = {}

    async def send(self, url: str, text: str = "") -> None:
        """One request to the front end at `url`."""
        if not text:
            number = next(_numbers)
            text = f"nonce {number}{self._padding if number % self._padded == 0 else ''}"
        client = self._clients.setdefault(url, HttpClient(url))
        sent = time.monotonic()
        status, body, head, model = HUNG, b"", b"", b""
        try:
            reply = await asyncio.wait_for(client.send(self._request(url, text)), self._patience)
            status, body, head = reply.status, reply.body, reply.header(b"retry-after")
            model = reply.header(b"jitney-model")
        except TimeoutError:
            pass
        except Exception:  # whatever it was, this call has had its fate
            status = LOST
        seconds = time.monotonic() - sent
        how = {"body": body, "retry_after": head.decode(), "model": model.decode()}
        self.calls.append(Call(text=text, sent=sent, seconds=seconds, status=status, **how))

    def _request(self, url: str, text: str) -> bytes:
        body = json.dumps({"payload": {"records": [{"id": text, "text": text}]}}).encode()
        head = f"POST {self._path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Type: application/json\r\n"
        return f"{head}{self._extra}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def close(self) -> None:
        """Where it was used: in its event loop."""
        for client in self._clients.values():
            with client:
                pass


def ask(
    urls: Sequence[str],
    count: int = 1,
    *,
    texts: Sequence[str] = (),
    path: str = PATH,
    headers: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
    padding: int = 0,
) -> list[Call]:
    """`count` requests (or one for each of `texts`) at once, dealt out to the front ends in turn; their fates."""
    sender = Sender(headers=headers or {}, path=path, patience=patience, padding=padding)
    wanted = list(texts) or [""] * count

    async def all_of_them() -> None:
        with contextlib.closing(sender):
            await asyncio.gather(*(sender.send(urls[at % len(urls)], text) for at, text in enumerate(wanted)))

    asyncio.run(all_of_them())
    return sender.calls


@contextlib.contextmanager
def traffic(
    urls: Sequence[str] | Urls,
    *,
    rate: float,
    path: str = PATH,
    headers: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
    padding: int = LARGE,
    padded: int = 8,
) -> Iterator[list[Call]]:
    """`rate` requests a second, evenly spaced and whatever becomes of them, from the block's start to its end.

    One text in `padded` is by `padding` characters longer: large bodies travel another way. `urls` are dealt out in
    turn; a function is asked before each request (`Balancer.ready`), and while it names none nothing is sent. The list
    that is yielded grows as fates are met; it is whole after the block.
    """
    chosen = urls if callable(urls) else lambda: urls
    sender = Sender(headers=headers or {}, path=path, patience=patience, padding=padding, padded=padded)
    stopping = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_send_all(sender, chosen, rate, stopping)), name="traffic")
    thread.start()
    try:
        yield sender.calls
    finally:
        stopping.set()
        thread.join()


def wait_for_more(calls: Sequence[Call], count: int) -> None:
    """Until so many more have met their fate."""
    wanted = len(calls) + count
    until(lambda: len(calls) >= wanted, f"{count} more calls end", within=30.0)


async def _send_all(sender: Sender, urls: Urls, rate: float, stopping: threading.Event) -> None:
    under_way: set[asyncio.Task[None]] = set()
    started = time.monotonic()
    for number in itertools.count():
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        if stopping.is_set():
            break
        if targets := urls():
            task = asyncio.create_task(sender.send(targets[number % len(targets)]))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    sender.close()


class Balancer:
    """Looks at every front end's /readyz, as a load balancer does; `ready` are those that may be sent requests."""

    def __init__(self, urls: Urls) -> None:
        self._urls = urls
        self._ready: tuple[str, ...] = ()
        self._stopping = threading.Event()

    def ready(self) -> Sequence[str]:
        """The front ends that were ready a moment ago."""
        return self._ready

    @contextlib.contextmanager
    def looking(self) -> Iterator[Balancer]:
        """Looks for the length of the block; on entry it has looked once."""
        self._look()
        thread = threading.Thread(target=self._look_for_ever, name="balancer")
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            thread.join()

    def _look_for_ever(self) -> None:
        while not self._stopping.wait(READY_EVERY):
            self._look()

    def _look(self) -> None:
        self._ready = tuple(url for url in self._urls() if _is_ready(url))


def _is_ready(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2.0)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False
