"""The parts of a front end that a request passes on its way to the broker, without tasks and without a broker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.messages import Cancel, Job, Lane, Result, Timing
from server.codecs.encoding import encode_all
from server.fleet.directory import Served
from server.requests.admission import Admission, Outbox
from server.requests.breaker import CircuitBreaker
from server.requests.pending import PendingRequests
from server.requests.reencoding import Encode, Reencoder
from server.requests.request import PendingRequest, Record
from tests.conftest import FakeClock
from tests.unit.server.stand_in import WordCodec, card


async def encode_here(codec, texts, options, work):
    """Without a pool of threads."""
    return encode_all(codec, texts, options, work)


class Parts:
    """One model can be called, and the circuit breaker is closed."""

    def __init__(self, clock: FakeClock, encode: Encode = encode_here) -> None:
        self.clock = clock
        self.outbox = Outbox()
        self.breaker = CircuitBreaker(self.outbox, clock)
        self.breaker.close()
        self.pending = PendingRequests("f" * 16, self.outbox, self.breaker)
        self.reencoder = Reencoder(self.pending, encode)
        self.codec = WordCodec(card(), {})
        self.served = served()

    def expect(self, *texts: str, seconds: float = 60.0, lane: Lane = Lane.INTERACTIVE) -> PendingRequest:
        records = [Record(text, self.codec, self.codec.encode(text, {})) for text in texts]
        return self.pending.expect(self.served, records, {}, self.clock() + seconds, lane)

    def take(self) -> tuple[list[Admission], Mapping[Cancel, float]]:
        """What the writer does before a trip."""
        admissions, cancelled = self.outbox.take(self.clock())
        for admission in admissions:
            admission.request.may_be_queued = True
        return admissions, cancelled

    def jobs(self) -> list[Job]:
        """The jobs that go with the next trip."""
        return [job for admission in self.take()[0] for job in admission.jobs]


def served(revision: str = "r1", **fields: Any) -> Served:
    """The model as the directory has it."""
    one = card(revision=revision)
    return Served(card=one, codec=WordCodec(one, {}), **fields)


def result(job: Job, output: str = "done", **timing: float) -> Result:
    return Result(job_id=job.id, output=output, timing=Timing(**timing))
