"""What of each lease is under way, and what has ended."""

from __future__ import annotations

import pytest

from batcher.engines.engine import Done
from batcher.policy.batching import Held
from batcher.serving.batch import Batch
from batcher.serving.leases import Leases
from batcher.serving.report import Left
from broker.messages import Claim, Failure, FailureCode, Job, Timing


def batch_of(name: str, *jobs: str, spoiled: tuple[str, ...] = (), cost: int = 1) -> Batch:
    made = [Job(id=id, front_end="f" * 16, input=id, cost=cost, admitted=99.0) for id in jobs]
    claim = Claim(batch=name, jobs=made, spoiled=spoiled, claimed=100.0)
    return Batch(claim=claim, claimed_at=50.0, started_at=50.5)


def done(batch: str, job: str, *, seconds: float = 0.0, **how: int) -> Left:
    return Left(batch=batch, done=[Done(job_id=job, output="x", seconds=seconds)], **how)  # type: ignore[arg-type]


def held(*batches: Batch) -> Leases:
    leases = Leases()
    for batch in batches:
        leases.hold(batch)
    return leases


def test_a_lease_is_done_when_its_last_job_has_done() -> None:
    leases = held(batch_of("1", "a", "b"))

    said = []
    for job in "ab":
        leases.leave(done("1", job))
        said += [([one.job_id for one in ended.finish.results], ended.finish.done) for ended in leases.take_ended()]

    assert said == [(["a"], False), (["b"], True)]


def test_one_trip_tells_what_ended_of_several_leases_and_nothing_of_the_others() -> None:
    leases = held(batch_of("1", "a", "b"), batch_of("2", "c"), batch_of("3", "d"))
    for batch, job in ("1a", "2c"):
        leases.leave(done(batch, job))

    told = leases.take_ended()

    assert [(ended.finish.batch, ended.finish.done) for ended in told] == [("1", False), ("2", True)]


def test_a_batch_took_as_long_and_as_many_passes_as_its_slowest_job() -> None:
    batch = batch_of("1", "a", "b")
    leases = held(batch)

    leases.leave(Left(batch="1", done=[Done(job_id="a", output="x")], seconds=0.5, passes=3))
    leases.leave(Left(batch="1", done=[Done(job_id="b", output="x")], seconds=0.2, passes=2))

    assert (batch.seconds, batch.passes) == (0.5, 3)


def test_a_closed_lease_holds_nothing_whatever_was_under_way() -> None:
    leases = held(batch_of("1", "a", "b", cost=7), batch_of("2", "c", cost=3))

    leases.close("1")
    leases.close("1")

    assert leases.held == Held(leases=1, jobs=1, tokens=3)


def test_a_job_that_nobody_waits_for_counts_as_ended_and_tells_nobody() -> None:
    leases = held(batch_of("1", "a"))

    leases.leave(Left(batch="1", unwanted=["a"]))

    (ended,) = leases.take_ended()
    assert (ended.finish.results, ended.finish.done, ended.lease.unwanted) == ([], True, 1)


def test_a_lease_of_which_the_engine_has_lost_a_job_is_never_done_but_its_other_results_are_told() -> None:
    leases = held(batch_of("1", "a", "b"))

    leases.leave(done("1", "a"))
    leases.leave(Left(batch="1", abandoned=["b"]))

    (ended,) = leases.take_ended()
    assert ([one.job_id for one in ended.finish.results], ended.finish.done, ended.is_over) == (["a"], False, True)


def test_what_was_no_job_fails_at_once_and_once() -> None:
    leases = held(batch_of("1", "a", spoiled=("junk",)))

    first = [one.failures for one in leases.take_ended()]
    leases.leave(done("1", "a"))
    then = [one.failures for one in leases.take_ended()]

    assert [[one.job_id for one in failures] for failures in (*first, *then)] == [["junk"], []]


def test_a_failure_goes_its_own_way_and_is_counted() -> None:
    leases = held(batch_of("1", "a"))
    failure = Failure(job_id="a", code=FailureCode.MODEL_ERROR, message="no")

    leases.leave(Left(batch="1", done=[Done(job_id="a", failure=failure)]))

    (ended,) = leases.take_ended()
    assert (ended.failures, ended.finish.results, ended.lease.failed) == ([failure], [], [failure])


def test_what_ended_while_a_trip_was_away_is_told_by_the_next_one() -> None:
    leases = held(batch_of("1", "a", "b"))
    leases.leave(done("1", "a"))

    (away,) = leases.take_ended()
    leases.leave(done("1", "b"))

    assert not away.is_over
    assert [one.finish.done for one in leases.take_ended()] == [True]


def test_jobs_and_tokens_under_way_are_counted_over_all_leases() -> None:
    leases = held(batch_of("1", "a", "b", cost=7), batch_of("2", "c", cost=30))

    leases.leave(done("1", "b"))

    assert leases.held == Held(leases=2, jobs=2, tokens=37, ended=1)


def test_a_result_says_how_long_it_took_and_beside_how_many() -> None:
    leases = held(batch_of("1", "a"))

    leases.leave(done("1", "a", seconds=0.25, beside=9))

    (ended,) = leases.take_ended()
    (result,) = ended.finish.results
    assert result.timing == Timing(queue=pytest.approx(1.5), window=0.0, compute=0.25, batch_size=9)


def test_outcomes_are_counted_until_they_are_told_or_their_lease_is_closed() -> None:
    leases = held(batch_of("1", "a", "b", spoiled=("c",)), batch_of("2", "d", "e"))
    before = leases.held.ended

    leases.leave(done("1", "a"))
    leases.leave(done("2", "d"))
    three = leases.held.ended
    leases.close("1")
    one = leases.held.ended
    leases.take_ended()

    assert (before, three, one, leases.held.ended, leases.has_news) == (1, 3, 1, 0, False)
