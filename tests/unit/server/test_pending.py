"""Who waits for which job, and what becomes of those nobody waits for any more."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from broker.messages import RECORD, REQUEST, Cancel, Failure, FailureCode, Lane, Result, Timing, Verdict
from server.codecs.contract import Piece, Plan
from server.codecs.encoding import encode_all
from server.codecs.work import UNBOUNDED, Abandoned
from server.errors import Problem
from server.fleet.capacity import Capacity
from server.fleet.directory import Served
from server.requests.admission import Outbox
from server.requests.pending import PendingRequests
from server.requests.request import Record
from tests.unit.server.stand_in import WordCodec, card

pytestmark = pytest.mark.anyio


class Post:
    """A door that is open, with one model behind it."""

    def __init__(self, clock, **how) -> None:
        self.clock = clock
        self.outbox = Outbox()
        self.pending = PendingRequests("f" * 16, self.outbox, clock, **how)
        self.pending.open()
        self.codec = WordCodec(card(), {})
        self.served = Served(card=card(), codec=self.codec)

    def expect(self, *texts: str, seconds: float = 60.0, lane: Lane = Lane.INTERACTIVE):
        records = [Record(text, self.codec, self.codec.encode(text, {})) for text in texts]
        return self.pending.expect(self.served, records, {}, self.clock() + seconds, lane)

    def take(self):
        """What the writer does before a trip."""
        admissions, cancelled = self.outbox.take(self.clock())
        for admission in admissions:
            admission.answer.may_be_queued = True
        return admissions, cancelled

    def jobs(self):
        return [job for admission in self.take()[0] for job in admission.jobs]


@pytest.fixture
def post(clock):
    return Post(clock)


def result(job, output="done", **timing):
    return Result(job_id=job.id, output=output, timing=Timing(**timing))


async def test_an_answer_arrives_with_the_last_of_its_outcomes(post):
    with post.expect("one two") as answer:
        post.pending.admit(answer)
        first, second = post.jobs()
        post.pending.settle([result(second)])
        arrived_early = not answer.is_awaited
        post.pending.settle([result(first)])

        await answer

        assert not arrived_early


async def test_outputs_stand_in_the_order_of_the_pieces(post):
    with post.expect("one two") as answer:
        post.pending.admit(answer)
        first, second = post.jobs()

        post.pending.settle([result(second, "2"), result(first, "1")])

        assert answer.records[0].in_order() == ["1", "2"]


async def test_the_first_outcome_of_a_job_wins(post):
    with post.expect("one two") as answer:
        post.pending.admit(answer)
        first, _ = post.jobs()

        post.pending.settle([result(first, "first"), result(first, "second")])

        assert (answer.records[0].outputs, answer.left) == ({first.id: "first"}, 1)


async def test_outcomes_nobody_waits_for_are_counted_and_ignored(post):
    post.pending.settle([Result(job_id="0" * 32, output="late")])

    assert post.pending.unclaimed == 1


async def test_the_timing_is_that_of_the_job_that_took_longest(post):
    with post.expect("one two three") as answer:
        post.pending.admit(answer)
        jobs = post.jobs()

        post.pending.settle([result(job, compute=compute) for job, compute in zip(jobs, (0.1, 0.3, 0.2), strict=True)])

        assert answer.timing.compute == 0.3


async def test_jobs_are_forgotten_when_their_answer_is_over(post):
    with post.expect("one") as answer:
        post.pending.admit(answer)
        (job,) = post.jobs()

    post.pending.settle([result(job)])

    assert post.pending.unclaimed == 1


async def test_what_is_left_of_an_answer_that_is_over_is_cancelled_in_one_word(post):
    with post.expect("one two", *["three"] * 50, seconds=60.0) as answer:
        post.pending.admit(answer)
        deadline = post.clock() + 60.0
        first, *others = post.jobs()
        post.pending.settle([result(first)])
        post.clock.tick(20.0)

    [(cancel, known)] = post.take()[1].items()
    assert (cancel.model, known) == (card().key, deadline)
    assert all(job.id.startswith(cancel.ids) for job in others)


async def test_the_ids_of_a_request_s_jobs_name_it_and_their_records_and_nobody_else_s(post):
    with post.expect("one two", "three") as answer, post.expect("four") as other:
        post.pending.admit(answer)
        post.pending.admit(other)
        one, two, three, four = (job.id for job in post.jobs())

    assert one[:RECORD] == two[:RECORD] != three[:RECORD]
    assert one[:REQUEST] == three[:REQUEST] != four[:REQUEST]
    assert len({one, two, three, four}) == 4
    assert {len(id) for id in (one, two, three, four)} == {32}


async def test_a_failed_piece_cancels_its_record_and_no_other(post):
    with post.expect("one two", "three four") as answer:
        post.pending.admit(answer)
        jobs = post.jobs()

        post.pending.settle([Failure(job_id=jobs[0].id, code=FailureCode.MODEL_ERROR, message="no")])

        assert [cancel.ids for cancel in post.take()[1]] == [jobs[1].id[:RECORD]]


async def test_cancellations_beyond_a_trip_go_with_the_next(post, monkeypatch):
    monkeypatch.setattr("server.requests.admission.CANCELS_A_TRIP", 2)
    with ExitStack() as answers:
        for _ in range(5):
            post.pending.admit(answers.enter_context(post.expect("one")))
        post.jobs()

    assert [len(post.take()[1]) for _ in range(4)] == [2, 2, 1, 0]


async def test_what_expired_is_not_cancelled_because_the_broker_drops_it(post):
    with post.expect("one", seconds=1.0) as answer:
        post.pending.admit(answer)
        post.jobs()
        post.clock.tick(2.0)

    assert post.take()[1] == {}


async def test_jobs_the_broker_never_saw_are_neither_brought_nor_cancelled(post):
    with post.expect("one") as answer:
        post.pending.admit(answer)

    assert post.take() == ([], {})


async def test_a_refused_answer_is_not_cancelled_because_nothing_of_it_waits(post):
    with post.expect("one") as answer:
        post.pending.admit(answer)
        post.jobs()
        post.pending.judge(answer, Verdict(refusal=FailureCode.CONTENDED, waiting=7))

    assert post.take()[1] == {}


async def test_a_refused_answer_raises_what_the_broker_said(post):
    with post.expect("one") as answer:
        post.pending.judge(answer, Verdict(refusal=FailureCode.CONTENDED, waiting=7))

        with pytest.raises(Problem, match="7 jobs wait for 'echo' already") as caught:
            await answer

    assert caught.value.code == "contended"


async def test_a_request_that_would_take_too_long_is_told_how_long_and_when_to_come_back(post):
    post.served = Served(card=card(), codec=post.codec, capacity=Capacity(fixed=0.5, per_job=0.01, room=100))
    with post.expect("one two", seconds=3.0) as answer:
        post.pending.judge(answer, Verdict(refusal=FailureCode.CONTENDED, ahead=398))

        with pytest.raises(Problem) as caught:
            await answer

    assert caught.value.detail == "With 398 jobs before it at 'echo' this may take 8.50 s; it has 3.00 s."
    assert (caught.value.code, caught.value.retry_after) == ("contended", pytest.approx(5.5))


async def test_a_request_with_too_many_tokens_before_it_is_told_by_these(post):
    by_jobs, by_tokens = (Capacity(fixed=0.5, per_job=each, room=room) for each, room in ((0.01, 100), (0.001, 500)))
    post.served = Served(card=card(), codec=post.codec, capacity=by_jobs, token_capacity=by_tokens)
    with post.expect("one three", seconds=3.0) as answer:
        post.pending.judge(answer, Verdict(refusal=FailureCode.CONTENDED, ahead=20, tokens_ahead=1_992))

        with pytest.raises(Problem) as caught:
            await answer

    said = "With 20 jobs of 1992 tokens before it at 'echo' this may take 5.83 s; it has 3.00 s."
    assert (caught.value.detail, caught.value.retry_after) == (said, pytest.approx(2.83, abs=0.01))


async def test_a_request_tells_the_broker_how_many_tokens_may_be_before_it_and_when_to_wake_a_batcher(post):
    paces = {
        "capacity": Capacity(fixed=0.5, room=128, batch=64),
        "token_capacity": Capacity(fixed=0.5, per_job=0.001, room=1_000, batch=500),
    }
    post.served = Served(card=card(), codec=post.codec, **paces)
    with post.expect("one three", seconds=4.0) as answer:
        post.pending.admit(answer)
        [admission], _ = post.take()

        asked = admission.request(post.clock())

    assert (asked.batch, asked.batch_tokens, asked.room_tokens) == (64, 500, 1_000)
    assert asked.most_tokens_ahead == post.served.token_capacity.most_ahead(4.0, 8)


async def test_a_request_that_came_to_the_broker_too_late_has_expired(post):
    with post.expect("one") as answer:
        post.pending.judge(answer, Verdict(refusal=FailureCode.EXPIRED))

        with pytest.raises(Problem) as caught:
            await answer

    assert caught.value.status == 504


async def test_a_request_tells_the_broker_its_lane_and_how_many_jobs_may_be_before_it(post):
    post.served = Served(card=card(), codec=post.codec, capacity=Capacity(fixed=0.5, per_job=0.01, room=100))
    with post.expect("one two", seconds=4.0, lane=Lane.BULK) as answer:
        post.pending.admit(answer)
        [admission], _ = post.take()

        asked = admission.request(post.clock())

    assert (asked.lane, asked.most_ahead, asked.room) == (Lane.BULK, 160, 100)


async def test_a_request_that_was_taken_once_is_not_weighed_when_it_is_brought_again(post):
    post.served = Served(card=card(), codec=post.codec, capacity=Capacity(fixed=0.5, per_job=0.01, room=100))
    with post.expect("one two", seconds=4.0) as answer:
        post.pending.admit(answer)
        post.take()
        post.pending.push_again()

        [admission], _ = post.take()

        assert admission.request(post.clock()).most_ahead is None


async def test_an_expired_request_is_not_brought_to_the_broker(post):
    with post.expect("one", seconds=1.0) as answer:
        post.pending.admit(answer)
        post.clock.tick(2.0)

        assert post.jobs() == []


async def test_a_failed_piece_fails_its_record_and_no_other(post):
    with post.expect("one two", "three") as answer:
        post.pending.admit(answer)
        first, _, third = post.jobs()

        post.pending.settle([Failure(job_id=first.id, code=FailureCode.POISON, message="no"), result(third)])

        assert [record.problem and record.problem.code for record in answer.records] == ["poison", None]
        assert not answer.is_awaited


async def test_a_closed_door_turns_requests_away_at_once(post):
    post.pending.close()
    post.clock.tick(8.0)

    with post.expect("one") as answer, pytest.raises(Problem) as caught:
        post.pending.admit(answer)

    assert (caught.value.code, caught.value.retry_after) == ("broker_unavailable", 4.0)


async def test_closing_the_door_turns_away_what_no_trip_has_taken_yet(post):
    with post.expect("one") as answer:
        post.pending.admit(answer)
        post.pending.close()

        with pytest.raises(Problem, match="broker does not answer"):
            await answer


async def test_closing_the_door_leaves_those_alone_whose_jobs_wait_in_the_broker(post):
    with post.expect("one") as answer:
        post.pending.admit(answer)
        post.jobs()

        post.pending.close()

        assert answer.is_awaited


async def test_an_answer_without_jobs_needs_no_open_door(post):
    post.pending.close()

    with post.expect("") as answer:
        post.pending.admit(answer)
        await answer

    assert answer.timing is None


async def test_what_still_waits_is_pushed_again_under_the_same_ids(post):
    with post.expect("one two") as answer:
        post.pending.admit(answer)
        first, second = post.jobs()
        post.pending.settle([result(first)])

        post.pending.push_again()

        assert post.jobs() == [second]


async def test_what_no_trip_has_taken_yet_is_not_pushed_twice(post):
    with post.expect("one") as answer:
        post.pending.admit(answer)

        post.pending.push_again()

        assert len(post.jobs()) == 1


async def test_a_renewed_answer_is_encoded_by_the_new_codec_for_the_new_revision(post):
    new = card(revision="r2")
    with post.expect("one") as answer:
        post.pending.admit(answer)
        (old,) = post.jobs()

        await post.pending.reencode(answer, Served(card=new, codec=WordCodec(new, {})))

        admissions, cancelled = post.take()
        assert [(one.model, [job.input for job in one.jobs]) for one in admissions] == [("echo@r2", ["r2:one"])]
        assert list(cancelled) == [Cancel(model=card().key, ids=old.id[:REQUEST])]
        assert admissions[0].jobs[0].id[:REQUEST] != old.id[:REQUEST]


async def test_a_parcel_no_trip_has_taken_yet_goes_only_for_the_new_revision(post):
    new = card(revision="r2")
    with post.expect("one") as answer:
        post.pending.admit(answer)

        await post.pending.reencode(answer, Served(card=new, codec=WordCodec(new, {})))

        admissions, cancelled = post.take()
        assert ([admission.model for admission in admissions], cancelled) == (["echo@r2"], {})


async def test_what_is_said_of_a_parcel_of_the_old_revision_ends_nothing(post):
    new = card(revision="r2")
    with post.expect("one") as answer:
        post.pending.admit(answer)
        [old], _ = post.take()
        await post.pending.reencode(answer, Served(card=new, codec=WordCodec(new, {})))
        [renewed], _ = post.take()

        old.refuse(Problem("broker_full", "no room"))

        assert (old.is_current, renewed.is_current, answer.is_awaited) == (False, True, True)


async def test_a_late_result_of_the_old_revision_is_not_taken_for_one_of_the_new(post):
    new = card(revision="r2")
    with post.expect("one") as answer:
        post.pending.admit(answer)
        (old,) = post.jobs()
        await post.pending.reencode(answer, Served(card=new, codec=WordCodec(new, {})))

        post.pending.settle([result(old, "old")])

        assert (answer.records[0].outputs, answer.is_awaited) == ({}, True)


async def test_a_record_half_done_is_renewed_whole_because_its_outputs_belong_to_the_old_plan(post):
    new = card(revision="r2")
    with post.expect("one two") as answer:
        post.pending.admit(answer)
        first, _ = post.jobs()
        post.pending.settle([result(first)])

        await post.pending.reencode(answer, Served(card=new, codec=WordCodec(new, {})))

        assert [job.input for job in post.jobs()] == ["r2:one", "r2:two"]


async def test_a_record_that_is_done_keeps_its_outputs_and_its_codec(post):
    new = card(revision="r2")
    with post.expect("one", "two") as answer:
        post.pending.admit(answer)
        first, _ = post.jobs()
        post.pending.settle([result(first, "ONE")])

        await post.pending.reencode(answer, Served(card=new, codec=WordCodec(new, {})))

        assert (answer.records[0].in_order(), answer.records[0].codec) == (["ONE"], post.codec)
        assert [job.input for job in post.jobs()] == ["r2:two"]


async def test_a_text_that_the_new_revision_cannot_take_ends_with_its_problem(post):
    class Stricter(WordCodec):
        def encode(self, text, options, work=UNBOUNDED):
            return super().encode("impossible", options)

    new = card(revision="r2")
    with post.expect("one") as answer:
        post.pending.admit(answer)
        post.jobs()

        await post.pending.reencode(answer, Served(card=new, codec=Stricter(new, {})))

        assert (answer.records[0].problem.code, answer.is_awaited) == ("invalid_input", False)


class SlowEncoding:
    """Encodes once it may, as a thread does."""

    def __init__(self):
        self.may_end = asyncio.Event()
        self.work = []

    async def __call__(self, codec, texts, options, work):
        self.work.append(work)
        await self.may_end.wait()
        return encode_all(codec, texts, options, work)


def later(revision):
    new = card(revision=revision)
    return Served(card=new, codec=WordCodec(new, {}))


async def test_of_two_renewals_that_meet_the_last_counts(clock):
    slow = SlowEncoding()
    post = Post(clock, encode=slow)
    with post.expect("one", "two") as answer:
        post.pending.admit(answer)
        post.jobs()
        renewals = [asyncio.create_task(post.pending.reencode(answer, later(revision))) for revision in ("r2", "r3")]
        await asyncio.sleep(0)
        post.pending.push_again()  # the broker came back empty meanwhile: there is nothing to bring it yet
        slow.may_end.set()
        await asyncio.gather(*renewals)

        jobs = post.jobs()
        post.pending.settle([result(job) for job in jobs])

        assert ([job.input for job in jobs], answer.is_awaited) == (["r3:one", "r3:two"], False)


async def test_nothing_is_encoded_anew_for_whoever_has_gone(clock):
    slow = SlowEncoding()
    post = Post(clock, encode=slow)
    with post.expect("one") as answer:
        post.pending.admit(answer)
        renewal = asyncio.create_task(post.pending.reencode(answer, later("r2")))
        await asyncio.sleep(0)

    with pytest.raises(Abandoned):
        slow.work[0].check()
    slow.may_end.set()
    await renewal
    assert (post.jobs(), len(post.pending)) == ([], 0)


async def test_a_parcel_stays_with_the_revision_it_was_encoded_for(post):
    with post.expect("one") as answer:
        post.pending.admit(answer)
        answer.served = Served(card=card(revision="r2"), codec=post.codec)

        (admission,) = post.take()[0]

        assert admission.request(post.clock()).model == "echo@r1"


async def test_a_refusal_that_comes_too_late_to_be_raised_is_no_complaint_of_the_loop(post):
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    with post.expect("one") as answer:
        post.pending.judge(answer, Verdict(refusal=FailureCode.CONTENDED))
    del answer

    assert complaints == []


async def test_waiting_is_in_the_order_of_arrival(post):
    with post.expect("one") as first, post.expect("two") as second:
        assert list(post.pending.waiting) == [first, second]


def test_a_plan_without_pieces_is_no_job():
    record = Record("", WordCodec(card(), {}), Plan(pieces=()))

    assert record.in_order() == []


def test_a_piece_is_what_the_codec_made():
    assert WordCodec(card(), {}).encode("one", {}).pieces == [Piece(input="r1:one", cost=3)]
