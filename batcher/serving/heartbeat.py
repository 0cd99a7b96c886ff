"""The heartbeat: an OS thread that keeps the leases alive for as long as the engine makes progress, and no longer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog

from broker.common.throttled_log import ThrottledLog
from broker.contract import PRESENCE_TTL, HeartbeatBroker
from broker.errors import BrokerError
from broker.messages import Job, Presence, Pulse, requests_of

STALLED = 70  # exit status: EX_SOFTWARE
log = structlog.get_logger("batcher")


@dataclass(slots=True)
class Vitals:
    """What the loop tells the heartbeat. Each field is replaced whole, so no lock is needed."""

    jobs: Mapping[str, Sequence[Job]] = field(default_factory=dict)  # leases held → their live jobs
    progressed_at: float = 0.0
    hears_broker: bool = False  # the last beat was answered

    @property
    def batches(self) -> Mapping[str, tuple[str, ...]]:
        """The same with ids, as the broker is told."""
        return {batch: tuple([job.id for job in jobs]) for batch, jobs in self.jobs.items()}

    def hold(self, batch: str, jobs: Sequence[Job]) -> None:
        """A batch was claimed: its lease is to be kept alive."""
        if not self.jobs:  # a claim beside others says nothing of the engine, which may hang with them
            self.progress()
        self.jobs = {**self.jobs, batch: jobs}

    def let_go(self, batch: str) -> None:
        """Its lease is not ours any more."""
        self.jobs = {id: jobs for id, jobs in self.jobs.items() if id != batch}

    def progress(self) -> None:
        """The engine did something: a forward pass ended, or a batch was claimed."""
        self.progressed_at = monotonic()

    def is_stalled(self, now: float, max_step: float) -> bool:
        """Whether jobs are held and the engine has not moved within its bound."""
        return self.still_for(now) > max_step

    def still_for(self, now: float) -> float:
        """Seconds since the engine last moved; 0.0 while it holds nothing."""
        return now - self.progressed_at if self.jobs else 0.0


def beat_interval(lease: float) -> float:
    """Seconds between beats: a quarter of the lease, or of the time after which front ends take a batcher for dead."""
    return min(lease, PRESENCE_TTL) / 4


class Heartbeat:
    """A beat proves progress: a hung model loses its leases and its process."""

    def __init__(
        self,
        broker: HeartbeatBroker,
        vitals: Vitals,
        *,
        presence: Callable[[], Presence],
        on_pulse: Callable[[Pulse], None],
        lease: float,
        max_step: float,
    ) -> None:
        self._broker, self._vitals, self._presence, self._on_pulse = broker, vitals, presence, on_pulse
        self._interval, self._max_step = beat_interval(lease), max_step
        self._stopping = threading.Event()
        self._missed, self._crashed = ThrottledLog(log.warning), ThrottledLog(log.exception)
        # Not a task of the event loop, and a daemon: a model that holds the interpreter up must not hold up this.
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        """On return it has beaten once: front ends know of this batcher, unless the broker is away."""
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            if self._vitals.is_stalled(monotonic(), self._max_step):
                self._end_process()
            self._beat()

    def _beat(self) -> None:
        try:
            self._on_pulse(self._broker.beat(self._presence(), self._vitals.batches))
        except BrokerError as error:
            self._vitals.hears_broker = False
            self._missed("beat failed", error=str(error))
        except Exception:  # a batcher without a heartbeat would lose every lease and hold no model to account
            self._crashed("beat failed")
        else:
            self._vitals.hears_broker = True
            if self._missed.is_over() | self._crashed.is_over():
                log.info("beats again")

    def _end_process(self) -> None:
        held = self._vitals.jobs
        log.critical(
            "model stalled: this process ends, its jobs go to another",
            max_step=self._max_step,
            batches=list(held),
            **requests_of([job for jobs in held.values() for job in jobs]),
        )
        os._exit(STALLED)  # the model thread cannot be stopped in any gentler way
