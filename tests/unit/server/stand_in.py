"""A front end in a test: the real application and tasks, a scripted broker, and a codec that fails as its text says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
from starlette.types import Message

from broker.contract import CHUNK, Frames, StoredCredentials
from broker.memory import MemoryStore
from broker.memory.predictions import MemoryPredictions
from broker.messages import (
    AdmitRequest,
    Announcement,
    Cancel,
    Failure,
    FailureCode,
    Fleet,
    Job,
    ModelCard,
    Outcome,
    Presence,
    Result,
    Speed,
    Timing,
    Traffic,
    Verdict,
)
from broker.settings import BrokerSettings
from server.app import create_app
from server.broker_tasks import BrokerTasks
from server.cache.startup import cache_from
from server.callers.startup import authentication_from, broker_keys
from server.codecs.contract import Piece, Plan
from server.codecs.errors import CodecError
from server.codecs.work import UNBOUNDED, Work
from server.files.startup import files_from
from server.fleet import discovery
from server.fleet.discovery import PERIOD
from server.front_end import FrontEnd
from server.history.startup import history_from
from server.settings import ServerSettings

discovery.CODEC_WAIT = 2.0  # seconds: the one look waits for its codecs also where the machine is busy

TIMING = Timing(queue=0.003, window=0.001, compute=0.0214, batch_size=17)


class WordCodec:
    """One piece per word, answered in the order of the words. `check` knows the languages en and ja."""

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self.card = card

    def check(self, options: Mapping[str, Any]) -> None:
        for language in (options.get("fromLang", "en"), options.get("toLang", "ja")):
            if language not in ("en", "ja"):
                raise CodecError(f"unknown language {language}", code="unknown_language", languages=["en", "ja"])

    def encode(self, text: str, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        if text == "impossible":
            raise CodecError("this text is impossible")
        if text == "bug":
            raise RuntimeError("secret internals")
        work.spend(len(text.split()), len(text))
        pieces = [Piece(input=f"{self.card.revision}:{word}", cost=len(word)) for word in text.split()]
        return Plan(pieces=pieces, memo=dict(options), unknown=text.count("?"))

    def decode(self, plan: Plan, outputs: Sequence[Any]) -> dict[str, Any]:
        if "undecodable" in outputs:
            raise ValueError("secret internals")
        cut = {"truncated": True} if "CUT" in outputs else {}
        cut |= {"degenerate": True} if "LOOP" in outputs else {}
        return {"text": " ".join(outputs)} | cut | ({"options": plan.memo} if plan.memo else {})


def card(name: str = "echo", **fields: Any) -> ModelCard:
    return ModelCard(**({"name": name, "task": "echoing", "codec": "words", "revision": "r1"} | fields))


def announced(
    card: ModelCard, *, since: float = 1.0, batchers: int = 1, speed: Speed | None = None, room: int = 0
) -> Announcement:
    here = [Presence(batcher=f"b{n}", model=card.key, speed=speed or Speed(), room=room) for n in range(batchers)]
    return Announcement(card=card, announced=since, batchers=here)


def answered(job: Job) -> Outcome:
    """What a batcher makes of a job: `fail:CODE` fails so, all else comes back in capitals."""
    word = job.input.partition(":")[2]
    if word.startswith("fail:"):
        return Failure(job_id=job.id, code=FailureCode(word.removeprefix("fail:")), message=f"{word} happened")
    return Result(job_id=job.id, output=word if word == "undecodable" else word.upper(), timing=TIMING)


@dataclass
class ScriptedBroker:
    """Does what the test says. By default it knows one model, admits everything and answers at once."""

    announcements: list[Announcement] = field(default_factory=lambda: [announced(card())])
    epoch: str = "first"
    defaults: dict[str, str] = field(default_factory=dict)
    traffic: dict[str, Traffic] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=lambda: Verdict(waiting=1))
    admit_errors: list[Exception] = field(default_factory=list)  # raised by the next admissions, in order
    receive_errors: list[Exception] = field(default_factory=list)
    look_error: Exception | None = None
    answers: bool = True
    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stored = StoredCredentials(version="")
        self.trips: list[tuple[int, Sequence[AdmitRequest], Collection[Cancel]]] = []
        self.handled: list[int] = []
        self.outbox: list[Outcome] = []
        self.bell = asyncio.Event()
        self.looked = asyncio.Event()
        self.admitted = asyncio.Event()
        self.predictions = MemoryPredictions(MemoryStore(time.time))

    @property
    def jobs(self) -> list[Job]:
        """Every job that any trip brought."""
        return [job for _, requests, _ in self.trips for request in requests for job in request.jobs]

    @property
    def cancelled(self) -> set[str]:
        """The ids of jobs that were brought and cancelled."""
        said = [one for _, _, cancelled in self.trips for one in cancelled]
        return {job.id for job in self.jobs if any(job.id.startswith(one.ids) for one in said)}

    async def admit(
        self, sequence: int, requests: Sequence[AdmitRequest], cancelled: Collection[Cancel]
    ) -> list[Verdict]:
        self.trips.append((sequence, requests, list(cancelled)))
        self.admitted.set()
        if self.admit_errors:
            raise self.admit_errors.pop(0)
        if self.answers and self.verdict.refusal is None:
            self.publish(*(answered(job) for request in requests for job in request.jobs))
        return [self.verdict for _ in requests]

    def publish(self, *outcomes: Outcome) -> None:
        self.outbox += outcomes
        self.bell.set()

    async def receive(self, handled: int, wait: float) -> Frames:
        self.handled.append(handled)
        if self.receive_errors:
            raise self.receive_errors.pop(0)
        await self.bell.wait()
        self.bell.clear()
        outcomes, self.outbox = self.outbox, []
        return Frames(count=1, outcomes=outcomes)

    async def look(self) -> Fleet:
        self.looked.set()
        if self.look_error is not None:
            raise self.look_error
        names = frozenset(one.card.name for one in self.announcements)
        return Fleet(
            epoch=self.epoch,
            announcements=tuple(self.announcements),
            known_names=names,
            defaults=dict(self.defaults),
            traffic=dict(self.traffic),
        )

    async def settle_default(self, task: str, name: str, *, again: bool = False) -> None:
        if again:
            self.defaults[task] = name
        self.defaults.setdefault(task, name)

    async def restore_traffic(self, name: str, traffic: Traffic) -> None:
        self.traffic.setdefault(name, traffic)

    async def credentials(self, version: str) -> StoredCredentials | None:
        return self.stored if self.stored.version != version else None

    async def artifact(self, sha256: str, at: int = 0) -> bytes | None:
        data = self.files.get(sha256)
        return None if data is None else data[at : at + CHUNK]

    async def aclose(self) -> None:
        """Nothing to close."""


@dataclass
class RunningFrontEnd:
    """A front end that is up, its broker, and a client that talks to it."""

    front_end: FrontEnd
    broker: ScriptedBroker
    client: httpx2.AsyncClient
    app: Any

    async def ask(
        self, *texts: str, path: str = "/models/echo", headers: Mapping[str, str] | None = None, **fields: Any
    ) -> httpx2.Response:
        """POST these texts with ids 0, 1, 2 …"""
        records = [{"id": number, "text": text} for number, text in enumerate(texts)]
        return await self.client.post(path, json={"payload": {"records": records, **fields}}, headers=headers or {})

    @asynccontextmanager
    async def asked(self, *texts: str, **how: Any) -> AsyncIterator[asyncio.Task[httpx2.Response]]:
        """The same, on its way: the broker has its jobs. Given up at the end."""
        self.broker.admitted.clear()
        asking = asyncio.create_task(self.ask(*texts, **how))
        try:
            await self.broker.admitted.wait()
            yield asking
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

    async def hang_up_on(self, *texts: str) -> None:
        """Ask, and hang up once the broker has the jobs; returns when the front end is done with it."""
        body = msgspec.json.encode({"payload": {"records": [{"id": 0, "text": text} for text in texts]}})
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await self.broker.admitted.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            raise AssertionError("nobody is there to be answered")

        scope = {"type": "http", "method": "POST", "path": "/models/echo", "headers": [], "root_path": ""}
        await self.app(scope, receive, send)

    async def look(self) -> None:
        """What the discovery task does every half second, now."""
        await self.front_end.tasks.discovery.look(self.broker)

    async def until(self, is_true: Callable[[], Any]) -> None:
        """Let the tasks run until this holds."""
        while not is_true():
            await asyncio.sleep(0)


def told(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    return answer.status_code, answer.json()["code"]


async def never(seconds: float) -> None:
    """A pause whose end no test waits for."""
    await asyncio.Event().wait()


async def short_retries(seconds: float) -> None:
    """No time for pauses after errors; the pause between two looks never ends."""
    if seconds >= PERIOD:
        await never(seconds)
    await asyncio.sleep(0)


async def at_once(seconds: float) -> None:
    """A pause that takes no time."""
    await asyncio.sleep(0)


@asynccontextmanager
async def running(
    broker: ScriptedBroker | None = None,
    *,
    make_codec: Callable[[ModelCard, Mapping[str, bytes]], Any] = WordCodec,
    met: bool = True,
    clock: Callable[[], float] | None = None,
    quick: bool = False,
    meeting: float = 0.0,
    address: str = "",
    defaults: Mapping[str, str] | None = None,
    name: str = "f" * 16,
    durable: bool = False,
    **settings: Any,
) -> AsyncIterator[RunningFrontEnd]:
    """A front end with its tasks running; discovery looks once (`met`) and then when the test says so.

    Pauses of the tasks never end, so that nothing happens twice; with `quick` those after errors take no time.
    """
    broker = broker or ScriptedBroker()

    @asynccontextmanager
    async def connect() -> AsyncIterator[ScriptedBroker]:
        yield broker

    clocks = {"clock": clock} if clock else {}
    sleep = short_retries if quick else never
    told: dict[str, Any] = {"address": address, "defaults": defaults, "durable": durable}
    made = ServerSettings(**settings)
    authentication = authentication_from(made)
    told["keys"] = broker_keys(authentication)
    history = history_from({}, made)
    told["history"] = history.appender if history is not None else None
    tasks = BrokerTasks(connect, name, make_codec, sleep=sleep, **told, **clocks)
    parts: dict[str, Any] = {"files": files_from(made), "authentication": authentication, "history": history}
    parts["cache"] = cache_from(made, BrokerSettings(), b"a secret of this test", lambda error: None)
    front_end = FrontEnd(settings=made, tasks=tasks, **parts, **clocks)
    app = create_app(front_end, meeting)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://jitney") as client,
    ):
        built = RunningFrontEnd(front_end, broker, client, app)
        if met:
            await built.until(lambda: front_end.tasks.discovery.has_met_broker)
        yield built
