"""What batchers do to the broker, as rules of the state machine."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, multiple, precondition, rule

from broker.contract import NEVER
from broker.messages import Failure, FailureCode, Finish, Limits, Presence, Result
from broker.redis import RedisBatcher
from tests.faults.state_machine.census import MODEL
from tests.faults.state_machine.model import ALIVE, Lease
from tests.faults.state_machine.stage import Hand, Stage

REMEMBERED = 15  # batches whose addresses a batcher knows; no loop has more than three
slots = st.integers(0, 1)
picks = st.integers(0, 30)
limits = st.builds(Limits, max_batch_size=st.integers(1, 6), max_batch_tokens=st.integers(5, 40))


class BatcherRules(Stage):
    """Each method is one thing that may happen at any time, to a batch that is held or to one that was lost."""

    batches = Bundle("batches")

    @precondition(lambda self: self.model.waiting())
    @rule(target=batches, slot=slots, within=limits, staged=st.booleans(), suspects=st.booleans(), aged=st.booleans())
    def drain(
        self, slot: int, within: Limits, staged: bool, suspects: bool, aged: bool = False
    ) -> str | MultipleResults[str]:
        hand = self.hands[slot]
        name = f"{hand.id}:{self._next()}"
        if len(hand.claims) < REMEMBERED:
            self._drain(hand, name, within, staged=staged, suspects=suspects, aged=aged)
        return name if name in hand.claims else multiple()

    @rule(batch=batches, within=limits, staged=st.booleans())
    def drain_again(self, batch: str, within: Limits, staged: bool) -> None:
        """The answer was lost: a lease that is held is returned; one that has been reclaimed is a new claim."""
        hand, lease = self._owner(batch), self.model.leases.get(batch)
        if lease is None and len(hand.claims) < REMEMBERED:
            self._drain(hand, batch, within, staged=staged, suspects=False)
        elif lease is not None and self._has_bodies(batch):
            claim = self._run(hand.broker.drain(batch, within, staged=staged, suspects=True))
            assert ([job.id for job in claim.jobs], claim.closed_by) == (lease.jobs, "again")
            self._renew(lease)
            hand.claims[batch] = list(lease.jobs)

    def _drain(
        self, hand: Hand, name: str, within: Limits, *, staged: bool, suspects: bool, aged: bool = False
    ) -> None:
        """`aged`: bulk has waited long enough to have its eighth."""
        how, after = {"staged": staged, "suspects": suspects}, 0.0 if aged else NEVER
        claim = self._run(hand.broker.drain(name, within, **how, bulk_after=after))
        self.model.drain(claim, within, self._census(), **how, aged=aged)
        if claim.jobs:
            hand.claims[name] = [job.id for job in claim.jobs]

    @precondition(lambda self: not self.model.token_taken)
    @rule(slot=slots)
    def wait(self, slot: int) -> None:
        """Takes the wake token; a drain is to follow."""
        if self._run(self.hands[slot].broker.wait(0.0)):
            self.model.token_taken = True

    @rule(batch=batches)
    def start(self, batch: str) -> None:
        self._run(self._owner(batch).broker.start(batch))
        self.model.start(batch)

    @precondition(lambda self: self.model.leases)
    @rule(slot=slots)
    def beat(self, slot: int) -> None:
        hand = self.hands[slot]
        pulse = self.heart.beat(Presence(batcher=hand.id, model=MODEL), hand.claims)
        assert pulse.lost == hand.claims.keys() - self.model.leases.keys()
        held = hand.claims.keys() & self.model.leases.keys()
        for batch in held:
            lease = self.model.leases[batch]
            self._renew(lease)
            self.model.dropped |= self.cancelled & {*lease.jobs}
            lease.jobs = [job for job in lease.jobs if job not in self.cancelled]
        of_no_use = {id for batch in held for id in hand.claims[batch] if id not in self.model.leases[batch].jobs}
        others = {id for batch in hand.claims.keys() - held for id in hand.claims[batch]}
        assert of_no_use <= pulse.cancelled <= of_no_use | self.cancelled & others

    @rule(batch=batches)
    def expire(self, batch: str) -> None:
        """Its batcher stops beating."""
        if batch in self.model.leases:
            moment = self._next()
            self.server.zadd(self.keys.leases(MODEL), {batch: moment}, xx=True)
            self.model.leases[batch].expired = moment

    @precondition(lambda self: self.model.expired())
    @rule(slot=slots)
    def reclaim(self, slot: int) -> None:
        admitted = self._admitted()
        letters = self._run(self.hands[slot].broker.reclaim())
        assert [letter.job_id for letter in letters] == self.model.reclaim(admitted)

    # Two whole stories, because steps at random seldom crash one job three times.

    @precondition(lambda self: self.model.leases)
    @rule(slot=slots, pick=picks)
    def crash(self, slot: int, pick: int) -> None:
        self.expire(list(self.model.leases)[pick % len(self.model.leases)])
        self.reclaim(slot)

    @precondition(lambda self: self.model.suspects)
    @rule(slot=slots, within=limits)
    def crash_suspects(self, slot: int, within: Limits) -> None:
        name = self.drain(slot, within, staged=False, suspects=True)
        self.everything_is_where_it_should_be()
        if isinstance(name, str):
            self.expire(name)
            self.reclaim(slot)

    @rule(batch=batches, some=st.integers(1, 3), starts=st.none() | batches)
    def finish_some(self, batch: str, some: int, starts: str | None) -> None:
        """The in-flight decoder lets finished jobs leave."""
        hand = self._owner(batch)
        self._finish(hand.broker, batch, hand.claims.get(batch, [])[:some], done=False, starts=starts)

    @rule(batch=batches, starts=st.none() | batches)
    def finish(self, batch: str, starts: str | None) -> None:
        """Of a lease that is held, or of one that was reclaimed long ago: a late result is still a good one."""
        hand = self._owner(batch)
        if batch in hand.claims:
            self._finish(hand.broker, batch, hand.claims.pop(batch), done=True, starts=starts)

    @rule(batch=batches)
    def finish_twice(self, batch: str) -> None:
        """The answer was lost."""
        hand = self._owner(batch)
        if self._has_bodies(batch):
            self._run(hand.echo.drain(batch, Limits(), staged=False, suspects=False))
            again = list(self.model.held(batch))
            self._finish(hand.broker, batch, hand.claims.pop(batch), done=True, starts=None)
            self._finish(hand.echo, batch, again, done=True, starts=None)

    def _finish(self, broker: RedisBatcher, batch: str, ids: Sequence[str], *, done: bool, starts: str | None) -> None:
        results = [Result(job_id=id, output="done") for id in ids]
        self._run(broker.finish([Finish(batch=batch, results=results, done=done)], starts=starts))
        self.model.finish(batch, ids, done=done, starts=starts)

    @rule(batch=batches, some=st.integers(1, 3))
    def fail(self, batch: str, some: int) -> None:
        hand = self._owner(batch)
        if failing := hand.claims.get(batch, [])[:some]:
            failures = [Failure(job_id=id, code=FailureCode.MODEL_ERROR, message="no") for id in failing]
            self._run(hand.broker.fail(batch, failures))
            self.model.fail(batch, failing, FailureCode.MODEL_ERROR)
            hand.claims[batch] = hand.claims[batch][some:]

    @precondition(lambda self: self._unstarted())
    @rule(pick=picks)
    def release(self, pick: int) -> None:
        batch = self._unstarted()[pick % len(self._unstarted())]
        self._run(self._owner(batch).broker.release(batch))
        self.model.release(batch)
        self._owner(batch).claims.pop(batch, None)

    def _has_bodies(self, batch: str) -> bool:
        """Whether it holds jobs that can be claimed again; those whose bodies are gone are let go when it is asked."""
        held = self.model.held(batch)
        gone = self.model.without_body(held, self._census().bodies)
        if not held or len(gone) == len(held):
            return False
        self.model.leases[batch].jobs = [id for id in held if id not in gone]
        self.model.dropped |= {*gone}
        return True

    def _admitted(self) -> dict[str, float]:
        census = self._census()
        return {job.id: job.admitted for jobs in census.leases.values() for job in jobs}

    def _unstarted(self) -> list[str]:
        """Batches that may be released: staged ones, and those whose lease was lost before they could be."""
        claims = [batch for hand in self.hands for batch in hand.claims]
        return [batch for batch in claims if batch not in self.model.leases or self.model.leases[batch].staged]

    def _owner(self, batch: str) -> Hand:
        return self.hands["AB".index(batch[0])]

    def _renew(self, lease: Lease) -> None:
        lease.expired = ALIVE
