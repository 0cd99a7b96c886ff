"""What a cache and a history add to the processor time that a front end spends on a request of one record.

    python -m benchmarks additions [--rounds 200] [--requests 64]

Front ends in one process, each with something else switched on, over a broker in memory that answers at once. Bursts of
new texts take turns, so whatever the machine does meanwhile it does to all. No sockets, no HTTP, no model: of a burst
only its distance to that of the same round with nothing switched on says something.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from statistics import median, quantiles
from typing import Any

import uvloop
from starlette.types import ASGIApp, Message

from benchmarks.lib import machine
from benchmarks.lib.arguments import above, parser
from benchmarks.lib.envelope import envelope
from benchmarks.lib.markdown import table
from broker.common.logs import configure_logging
from broker.history.hashing import SECRET
from broker.memory import MemoryBatcher, MemoryFrontEnd, MemoryHeartbeat, MemoryStore
from broker.messages import Finish, Limits, ModelCard, Presence, Result, Timing
from broker.settings import BrokerSettings
from server.__main__ import tune_garbage_collector
from server.app import create_app
from server.broker_tasks import BrokerTasks
from server.cache.startup import cache_from
from server.codecs import make_codec
from server.front_end import FrontEnd
from server.history.startup import history_from
from server.settings import ServerSettings

CARD = ModelCard(name="measured", task="classification", codec="passthrough", revision="r1")
NAME = "f" * 16
OFF = "nothing"
FORMS: Mapping[str, Mapping[str, Any]] = {
    OFF: {},
    "cache": {"cache_bytes": 1 << 28},
    "history": {"history": True},
    "history, hash": {"history": True, "history_inputs": "hash"},
    "history, full": {"history": True, "history_inputs": "full"},
}
TEXT = "The quick brown fox jumps over the lazy dog, and the dog sleeps on: {}"
ANSWER = {"label": "positive", "score": 0.9876543}
TIMING = Timing(queue=0.001, window=0.001, compute=0.002, batch_size=8)
NUMBERS = count()
WARM_UP = 5  # rounds that do not count


def main(arguments: Sequence[str]) -> int:
    """Prints a table."""
    command = parser("additions", __doc__)
    command.add_argument("--rounds", type=above(1), default=200, help="a burst of each form [%(default)s]")
    command.add_argument("--requests", type=above(0), default=64, help="of a burst, at one time [%(default)s]")
    asked = command.parse_args(arguments)
    configure_logging("warning")
    print(" · ".join(machine.describe().values()))
    print("\n".join(uvloop.run(_measured(asked.rounds, asked.requests))))
    return 0


async def _measured(rounds: int, requests: int) -> list[str]:
    async with AsyncExitStack() as stack:
        made = {form: await stack.enter_async_context(_running(how)) for form, how in FORMS.items()}
        tune_garbage_collector()
        spent: dict[str, list[float]] = {form: [] for form in FORMS}
        for turn in range(WARM_UP + rounds):
            for form in FORMS if turn % 2 else reversed(FORMS):
                micros = await made[form].burst(requests)
                if turn >= WARM_UP:
                    spent[form].append(micros)
    return [*table("switched on|more, µs a request|half of the rounds", [_row(spent, form) for form in FORMS])]


def _row(spent: Mapping[str, Sequence[float]], form: str) -> list[str]:
    more = [micros - off for micros, off in zip(spent[form], spent[OFF], strict=True)]
    low, _, high = quantiles(more, n=4)
    return [form, f"{median(more):.1f}", f"{low:.1f} to {high:.1f}"] if form != OFF else [form, "0", "–"]


class _Running:
    """A front end and the batcher that answers it."""

    def __init__(self, app: ASGIApp, store: MemoryStore) -> None:
        self._app, self._history = app, MemoryFrontEnd(store, NAME).history
        self._heart, self._batcher = MemoryHeartbeat(store, CARD.key), MemoryBatcher(store, CARD.key)
        self._heart.announce(CARD, {})
        self.beat()

    def beat(self) -> None:
        self._heart.beat(Presence(batcher="b", model=CARD.key), {})

    async def answer(self) -> None:
        """Whatever is asked, at once."""
        for number in count():
            await self._batcher.wait(60.0)
            claim = await self._batcher.drain(str(number), Limits(max_batch_size=256), staged=False, suspects=False)
            results = [Result(job_id=job.id, output=ANSWER, timing=TIMING) for job in claim.jobs]
            await self._batcher.finish([Finish(batch=str(number), results=results, done=True)], starts=None)

    async def burst(self, requests: int) -> float:
        """Microseconds of this process for each of so many requests that come at one time."""
        self.beat()
        page = await self._history.history_page(1_000)
        await self._history.trim_history(page.trimmed, len(page.blocks))
        began = time.process_time()
        await asyncio.gather(*[_ask(self._app, TEXT.format(next(NUMBERS))) for _ in range(requests)])
        return 1e6 * (time.process_time() - began) / requests


@asynccontextmanager
async def _running(how: Mapping[str, Any]) -> AsyncIterator[_Running]:
    store, settings = MemoryStore(time.time), ServerSettings(**how)

    @asynccontextmanager
    async def connect() -> AsyncIterator[MemoryFrontEnd]:
        yield MemoryFrontEnd(store, NAME)

    history = history_from({SECRET: "s" * 32}, settings)
    tasks = BrokerTasks(connect, NAME, make_codec, history=None if history is None else history.appender)
    cache = cache_from(settings, BrokerSettings(), b"s" * 32, lambda error: None)
    app = create_app(FrontEnd(settings=settings, tasks=tasks, history=history, cache=cache))
    made = _Running(app, store)
    answering = asyncio.create_task(made.answer())
    try:
        async with app.router.lifespan_context(app):
            await tasks.discovery.wait_until_met(10.0)
            yield made
    finally:
        answering.cancel()


async def _ask(app: ASGIApp, text: str) -> None:
    body, status = [envelope([text])], 0
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body[0]))]
    scope = {"type": "http", "method": "POST", "path": f"/models/{CARD.name}", "headers": headers, "root_path": ""}

    async def receive() -> Message:
        if body:
            return {"type": "http.request", "body": body.pop(), "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    if status != 200:
        raise RuntimeError(f"a request was answered {status}")
