"""Rows that join and leave between steps, so that nobody waits for the longest (Orca, Yu et al. 2022)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

import structlog
import torch

from batcher.engines.bisection import Bisection
from batcher.engines.engine import Done, StepStats
from batcher.engines.failures import NOT_TRIED, OVERFLOWN, ComputeFailure, Kind
from batcher.models.contract import InvalidInput, Output
from batcher.models.layers.tensors import memory_errors
from batcher.models.translation.decode_group import Ended
from batcher.models.translation.decode_groups import DecodeGroups
from batcher.models.translation.decoding import Decoding
from batcher.models.translation.inputs import Reader
from batcher.models.translation.marks import marked
from batcher.models.translation.network import Network
from batcher.models.translation.search.degeneration import cycles, is_degenerate
from batcher.models.translation.sequence import Flight, Scheduler
from batcher.policy.budget import TokenBudget
from batcher.policy.packing import fill
from broker.messages import Job

ENCODED = 512  # source tokens that join in one step, so that the rows under way are not kept waiting
SECOND_TRY = {"beams": 5, "no_repeat": 3}
log = structlog.get_logger(__name__)


class InFlight:
    """Keeps `Engine`. A step lets waiting jobs join, if it is time, and decodes one token of every row.

    With `guard` an answer that cycles or is empty is searched for again, by beams that may not repeat themselves; one
    that fails again is told as degenerate. An exception is bisected: the jobs it struck start over in ever smaller
    groups, alone in the card where decoding raised. Without memory all rows start over, in half the slots or with half
    the tokens encoded at once.
    """

    def __init__(
        self,
        network: Network,
        decoding: Decoding,
        reader: Reader,
        *,
        guard: bool,
        max_size: int = 64,
        max_tokens: int = 16384,
        progress: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.max_size, self.max_tokens = max_size, max_tokens
        self.last = StepStats()
        self._network, self._decoding, self._reader, self._guard = network, decoding, reader, guard
        self._progress, self._clock = progress, clock
        self._waiting = Scheduler()
        self._trials = Bisection[Flight]()  # of rows that could not be decoded together: each group runs alone
        self._apart = Bisection[Flight]()  # of texts that could not be encoded together, beside the rows under way
        self._cohorts = DecodeGroups(network, decoding)
        self._slots, self._budget = TokenBudget(), TokenBudget()  # what the memory has taught of rows, and of encoding
        self._done: list[Done] = []
        self._held = 0  # jobs that are not back yet; `room` reads it from other threads

    # Engine

    def room(self) -> int:
        return 0 if self._trials else max(0, self._most_rows() - self._held)

    def admit(self, jobs: Sequence[Job]) -> None:
        self._held += len(jobs)
        flights = [flight for job in jobs if (flight := self._read(job)) is not None]
        self._waiting.add(flights)

    @torch.inference_mode()
    def drop(self, job_ids: Collection[str]) -> None:
        before = self._inside()
        for place in (self._waiting, self._cohorts, self._trials, self._apart):
            place.drop(job_ids)
        gone = before - self._inside()
        # Those that failed while they were admitted have not been told yet.
        told = [done for done in self._done if done.job_id not in job_ids]
        self._held -= gone + len(self._done) - len(told)
        self._done = told

    @torch.inference_mode()
    def step(self) -> list[Done]:
        self.last = StepStats()
        self._join()
        self._decode()
        self._waiting.a_step_went_by()
        self.last.budget = self._most_encoded()
        done, self._done = self._done, []
        self._held = self._inside()
        return done

    def _inside(self) -> int:
        """Jobs that have not come to an end."""
        return len(self._waiting) + self._cohorts.jobs + len(self._trials) + len(self._apart)

    # Joining

    def _read(self, job: Job) -> Flight | None:
        try:
            order = self._reader.read(job.input)
        except InvalidInput as error:
            self._fail(job.id, ComputeFailure.of(error), tokens=0)
            return None
        may_cycle = not self._guard or cycles(order.source[1:-1])
        decoding = self._decoding
        return Flight(job=job, order=order, beams=decoding.beams, no_repeat=decoding.no_repeat, may_cycle=may_cycle)

    def _join(self) -> None:
        flights = self._joining()
        if not flights:
            return
        started = self._clock()
        for flight in flights:
            flight.began = flight.began or started
        try:
            with memory_errors():
                self._encode(flights)
        except BaseException as error:
            self._meet(ComputeFailure.of(error), flights, self._trials or self._apart, while_encoding=True)
        else:
            self._apart.ended({flight.job.id for flight in flights})
        self._note(started, sum(flight.tokens for flight in flights))

    def _joining(self) -> Sequence[Flight]:
        running = self._cohorts.jobs
        if self._trials:
            return self._trials.next_group() if running == 0 else ()
        if self._apart:
            return self._apart.next_group()
        slots, budget = self._most_rows(), self._most_encoded()
        if not self._waiting.are_due(running=running, slots=slots, budget=budget):
            return ()
        fits = self._cohorts.room(self.max_tokens)
        return self._waiting.take(room=slots - running, budget=budget, fits=fits)

    def _encode(self, flights: Sequence[Flight]) -> None:
        for group in fill([flight.tokens for flight in flights], max_tokens=self._most_encoded()):
            joining = [flights[index] for index in sorted(group)]
            sources = self._network.encode([flight.order.source for flight in joining])
            for flight, source in zip(joining, sources, strict=True):
                self._cohorts.join(flight, source)
            self._progress()

    # Decoding

    def _decode(self) -> None:
        if not self._cohorts.jobs:
            return
        started, rows = self._clock(), self._cohorts.rows
        has_answers = False
        try:
            with memory_errors():
                for ended in self._cohorts.advance():
                    self._answer(ended)  # at once: what follows may raise, and this one has left
                    has_answers = True
        except BaseException as error:
            self._meet(ComputeFailure.of(error), self._cohorts.clear(), self._trials)
        if has_answers:
            self._grow_back()
        if not self._cohorts.jobs:
            self._cohorts.forget()
        self._note(started, rows)

    def _answer(self, ended: Ended) -> None:
        flight, pieces = ended.flight, ended.pieces
        self._trials.ended({flight.job.id})
        if pieces is None:
            self._fail(flight.job.id, OVERFLOWN, tokens=flight.tokens)
        elif not self._guard or not is_degenerate(flight.order.source, pieces):
            self._tell(flight, marked(pieces, is_cut=ended.is_cut))
        elif flight.searches_again(**SECOND_TRY):
            log.info("searched again", job=flight.job.id, tokens=flight.tokens)
            self._waiting.put_back([flight])
        else:
            log.warning("degenerate answer", job=flight.job.id, tokens=flight.tokens)
            self._tell(flight, marked(pieces, is_degenerate=True, is_cut=ended.is_cut))

    def _tell(self, flight: Flight, output: Output) -> None:
        self._done.append(Done(job_id=flight.job.id, output=output, seconds=self._clock() - flight.began))

    # ComputeFailure

    def _meet(
        self,
        trouble: ComputeFailure,
        flights: Sequence[Flight],
        trials: Bisection[Flight],
        *,
        while_encoding: bool = False,
    ) -> None:
        self.last.out_of_memory += trouble.kind is Kind.MEMORY
        self.last.failed += trouble.kind is Kind.ERROR
        if trouble.kind is Kind.MEMORY:
            self._make_smaller(flights, trouble, while_encoding=while_encoding)
            return
        # Those that had joined already leave again: their group is struck whole.
        ids = {flight.job.id for flight in flights}
        self._cohorts.drop(ids)
        for flight in flights:
            flight.start_over()
        lost = trials.open(flights)
        for flight in lost:
            self._fail(flight.job.id, trouble if len(lost) == 1 else NOT_TRIED, tokens=flight.tokens)

    def _make_smaller(self, flights: Sequence[Flight], trouble: ComputeFailure, *, while_encoding: bool) -> None:
        # Buffers that grew are given back with their rows; what was decoded so far is decoded again.
        ids = {flight.job.id for flight in flights}
        struck = [*(flight for flight in self._cohorts.clear() if flight.job.id not in ids), *flights]
        for trials in (self._trials, self._apart):
            trials.drop({flight.job.id for flight in struck})
        if len(struck) == 1:
            self._fail(struck[0].job.id, trouble, tokens=struck[0].tokens)
            return
        if while_encoding and len(flights) > 1:
            self._budget.did_not_fit(sum(flight.tokens for flight in flights))
        else:
            self._slots.did_not_fit(len(struck))
        log.warning("rows did not fit", rows=len(struck), slots=self._most_rows(), encoded=self._most_encoded())
        self._waiting.put_back(struck)

    def _grow_back(self) -> None:
        # Only steps that gave answers count: bounds that grew with every step could strike the same rows, which then
        # start over, for ever.
        self._slots.did_fit(self.max_size)
        self._budget.did_fit(self._allowed())

    def _fail(self, job_id: str, trouble: ComputeFailure, *, tokens: int) -> None:
        failure = trouble.failure(job_id)
        self._done.append(Done(job_id=job_id, failure=failure))
        code = str(failure.code)
        log.warning("job failed", job=job_id, code=code, tokens=tokens, error=trouble.error or code)

    # Bounds

    def _most_rows(self) -> int:
        return max(1, self._slots.within(self.max_size))

    def _allowed(self) -> int:
        return min(ENCODED, self.max_tokens)

    def _most_encoded(self) -> int:
        return self._budget.within(self._allowed())

    def _note(self, started: float, tokens: int) -> None:
        self.last.groups += 1
        self.last.tokens += tokens
        self.last.padded_tokens += tokens
        self.last.forward_seconds += self._clock() - started
        self._progress()
