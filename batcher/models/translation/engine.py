"""Sequences join and leave between steps, so that nobody waits for the longest (Orca, Yu et al. 2022)."""

from __future__ import annotations

import time
from collections import abc

import structlog
import torch

from batcher.engines.bisection import Bisection
from batcher.engines.engine import Done, StepStats
from batcher.engines.failures import NOT_TRIED, OVERFLOWN, ComputeFailure, Kind
from batcher.models.contract import InvalidInput
from batcher.models.layers.tensors import memory_errors
from batcher.models.translation.decode_group import Finished
from batcher.models.translation.decode_groups import DecodeGroups
from batcher.models.translation.decoding import Decoding
from batcher.models.translation.inputs import InputReader
from batcher.models.translation.network import Network
from batcher.models.translation.outputs import translation_output
from batcher.models.translation.scheduler import Scheduler
from batcher.models.translation.search.degeneration import is_cyclic, is_degenerate
from batcher.models.translation.sequence import Sequence
from batcher.policy.budget import TokenBudget
from batcher.policy.packing import fill
from broker.messages import Job, requests_of

MOST_ENCODED = 512  # source tokens that join in one step, so that the rows under way are not kept waiting
SECOND_SEARCH = {"beams": 5, "no_repeat": 3}
log = structlog.get_logger(__name__)


class InFlightEngine:
    """Keeps `Engine`. A step lets waiting sequences join, if it is time, and decodes one token of every row.

    With `guard` an answer that cycles or is empty is searched for again, by beams that may not repeat themselves; one
    that fails again is told as degenerate. An exception is bisected: its sequences start over in ever smaller groups,
    which run alone where decoding raised. Without memory all start over, in half the slots or with half the tokens
    encoded at once.
    """

    def __init__(
        self,
        network: Network,
        decoding: Decoding,
        reader: InputReader,
        *,
        guard: bool,
        max_size: int = 64,
        max_tokens: int = 16384,
        progress: abc.Callable[[], None] = lambda: None,
        clock: abc.Callable[[], float] = time.perf_counter,
    ) -> None:
        self.max_size, self.max_tokens = max_size, max_tokens
        self.last = StepStats()
        self._network, self._decoding, self._reader, self._guard = network, decoding, reader, guard
        self._progress, self._clock = progress, clock
        self._scheduler = Scheduler()
        self._groups = DecodeGroups(network, decoding)
        self._decode_bisection = Bisection[Sequence]()  # of those that could not be decoded together; each runs alone
        self._encode_bisection = Bisection[Sequence]()  # of those that could not be encoded together; others go on
        self._slots, self._budget = TokenBudget(), TokenBudget()  # what fits in memory: sequences, and encoded tokens
        self._done: list[Done] = []
        self._held = 0  # jobs that are not back yet; `room` reads it from other threads

    # Engine

    def room(self) -> int:
        return 0 if self._decode_bisection else max(0, self._most_slots() - self._held)

    def admit(self, jobs: abc.Sequence[Job]) -> None:
        self._held += len(jobs)
        self._scheduler.add([sequence for job in jobs if (sequence := self._read(job)) is not None])

    @torch.inference_mode()
    def step(self) -> list[Done]:
        self.last = StepStats()
        if joining := self._schedule():
            self._encode(joining)
        if self._groups:
            self._decode()
        self._scheduler.count_step()
        return self._outputs()

    @torch.inference_mode()
    def drop(self, job_ids: abc.Collection[str]) -> None:
        before = self._unfinished()
        for place in (self._scheduler, self._groups, self._decode_bisection, self._encode_bisection):
            place.drop(job_ids)
        dropped = before - self._unfinished()
        # Those that failed while they were admitted have not been told yet.
        kept = [done for done in self._done if done.job_id not in job_ids]
        self._held -= dropped + len(self._done) - len(kept)
        self._done = kept

    def _outputs(self) -> list[Done]:
        done, self._done = self._done, []
        self._held = self._unfinished()
        self.last.budget = self._most_encoded()
        return done

    def _unfinished(self) -> int:
        return len(self._scheduler) + len(self._groups) + len(self._decode_bisection) + len(self._encode_bisection)

    # Schedule

    def _read(self, job: Job) -> Sequence | None:
        try:
            input = self._reader.read(job.input)
        except InvalidInput as error:
            self._fail(job, ComputeFailure.of(error), tokens=0)
            return None
        may_cycle = not self._guard or is_cyclic(input.pieces)
        decoding = self._decoding
        return Sequence(job=job, input=input, beams=decoding.beams, no_repeat=decoding.no_repeat, may_cycle=may_cycle)

    def _schedule(self) -> abc.Sequence[Sequence]:
        """Those that join in this step."""
        if self._decode_bisection:
            return () if self._groups else self._decode_bisection.next_group()
        if self._encode_bisection:
            return self._encode_bisection.next_group()
        return self._scheduler.schedule(
            running=len(self._groups),
            slots=self._most_slots(),
            budget=self._most_encoded(),
            fits=self._groups.room(self.max_tokens),
        )

    # Encode

    def _encode(self, sequences: abc.Sequence[Sequence]) -> None:
        started = self._clock()
        for sequence in sequences:
            sequence.started_at = sequence.started_at or started
        try:
            with memory_errors():
                self._join(sequences)
        except BaseException as error:
            bisection = self._decode_bisection or self._encode_bisection
            self._recover(ComputeFailure.of(error), sequences, bisection, while_encoding=True)
        else:
            self._encode_bisection.ended(_ids(sequences))
        self._record(started, _tokens(sequences))

    def _join(self, sequences: abc.Sequence[Sequence]) -> None:
        for group in fill([sequence.tokens for sequence in sequences], max_tokens=self._most_encoded()):
            joining = [sequences[index] for index in sorted(group)]
            sources = self._network.encode([sequence.input.source for sequence in joining])
            for sequence, source in zip(joining, sources, strict=True):
                self._groups.join(sequence, source)
            self._progress()

    # Decode

    def _decode(self) -> None:
        started, rows = self._clock(), self._groups.rows
        has_finished = False
        try:
            with memory_errors():
                for finished in self._groups.step():
                    self._finish(finished)  # at once: what follows may raise, and this one has left
                    has_finished = True
        except BaseException as error:
            self._recover(ComputeFailure.of(error), self._groups.clear(), self._decode_bisection)
        if has_finished:
            self._grow_back()
        if not self._groups:
            self._groups.release()
        self._record(started, rows)

    def _finish(self, finished: Finished) -> None:
        sequence, pieces = finished.sequence, finished.pieces
        self._decode_bisection.ended({sequence.job.id})
        if pieces is None:
            self._fail(sequence.job, OVERFLOWN, tokens=sequence.tokens)
            return
        is_bad = self._guard and is_degenerate(sequence.input.pieces, pieces)
        if is_bad and sequence.search_again(**SECOND_SEARCH):
            log.info("searched again", **sequence.job.identity, tokens=sequence.tokens)
            self._scheduler.put_back([sequence])
            return
        if is_bad:
            log.warning("degenerate answer", **sequence.job.identity, tokens=sequence.tokens)
        output = translation_output(pieces, is_degenerate=is_bad, is_truncated=finished.is_truncated)
        self._done.append(Done(job_id=sequence.job.id, output=output, seconds=self._clock() - sequence.started_at))

    # Failures

    def _recover(
        self,
        cause: ComputeFailure,
        sequences: abc.Sequence[Sequence],
        bisection: Bisection[Sequence],
        *,
        while_encoding: bool = False,
    ) -> None:
        self.last.out_of_memory += cause.kind is Kind.MEMORY
        self.last.failed += cause.kind is Kind.ERROR
        if cause.kind is Kind.MEMORY:
            self._shrink(cause, sequences, while_encoding=while_encoding)
            return
        self._groups.drop(_ids(sequences))  # some of them may have joined before it raised
        for sequence in sequences:
            sequence.start_over()
        lost = bisection.open(sequences)
        for sequence in lost:
            self._fail(sequence.job, cause if len(lost) == 1 else NOT_TRIED, tokens=sequence.tokens)

    def _shrink(self, cause: ComputeFailure, sequences: abc.Sequence[Sequence], *, while_encoding: bool) -> None:
        # Caches give their memory back with their sequences; what was decoded so far is decoded again.
        others = [sequence for sequence in self._groups.clear() if sequence not in sequences]
        starting_over = [*others, *sequences]
        for bisection in (self._decode_bisection, self._encode_bisection):
            bisection.drop(_ids(starting_over))
        if len(starting_over) == 1:
            self._fail(sequences[0].job, cause, tokens=sequences[0].tokens)
            return
        if while_encoding and len(sequences) > 1:
            self._budget.did_not_fit(_tokens(sequences))
        else:
            self._slots.did_not_fit(len(starting_over))
        rows, slots, encoded = len(starting_over), self._most_slots(), self._most_encoded()
        whose = requests_of([sequence.job for sequence in starting_over])
        log.warning("rows did not fit", rows=rows, slots=slots, encoded=encoded, **whose)
        self._scheduler.put_back(starting_over)

    def _fail(self, job: Job, cause: ComputeFailure, *, tokens: int) -> None:
        self._done.append(Done(job_id=job.id, failure=cause.fail(job, tokens=tokens)))

    # Bounds

    def _most_slots(self) -> int:
        return max(1, self._slots.within(self.max_size))

    def _most_encoded(self) -> int:
        return self._budget.within(min(MOST_ENCODED, self.max_tokens))

    def _grow_back(self) -> None:
        # Only steps that gave answers count: bounds that grew with every step could strike the same sequences, which
        # then start over, for ever.
        self._slots.did_fit(self.max_size)
        self._budget.did_fit(min(MOST_ENCODED, self.max_tokens))

    def _record(self, started: float, tokens: int) -> None:
        self.last.groups += 1
        self.last.tokens += tokens
        self.last.padded_tokens += tokens
        self.last.forward_seconds += self._clock() - started
        self._progress()


def _ids(sequences: abc.Iterable[Sequence]) -> set[str]:
    return {sequence.job.id for sequence in sequences}


def _tokens(sequences: abc.Iterable[Sequence]) -> int:
    return sum(sequence.tokens for sequence in sequences)
