"""What still waits for a revision is encoded for another one."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from broker.messages import REQUEST, Cancel
from server.codecs.encoding import encode_all
from server.codecs.errors import Abandoned
from server.codecs.work import UNBOUNDED
from server.errors import Problem
from server.fleet.directory import Served
from server.requests.reencoding import AT_ONCE
from tests.unit.server.requests.parts import Parts, result, served
from tests.unit.server.stand_in import WordCodec, card

pytestmark = pytest.mark.anyio


async def test_a_reencoded_answer_is_encoded_by_the_new_codec_for_the_new_revision(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)
        (old,) = parts.jobs()

        await parts.reencoder.reencode(request, served("r2"))

        admissions, cancelled = parts.take()
        assert [(one.model, [job.input for job in one.jobs]) for one in admissions] == [("echo@r2", ["r2:one"])]
        assert list(cancelled) == [Cancel(model=card().key, ids=old.id[:REQUEST])]
        assert admissions[0].jobs[0].id[:REQUEST] != old.id[:REQUEST]


async def test_what_no_trip_has_taken_yet_goes_only_for_the_new_revision(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)

        await parts.reencoder.reencode(request, served("r2"))

        admissions, cancelled = parts.take()
        assert ([admission.model for admission in admissions], cancelled) == (["echo@r2"], {})


async def test_a_refusal_of_an_admission_for_the_old_revision_ends_nothing(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)
        [old], _ = parts.take()
        await parts.reencoder.reencode(request, served("r2"))
        [reencoded], _ = parts.take()

        old.refuse(Problem("broker_full", "no room"))

        assert (old.is_current, reencoded.is_current, request.is_awaited) == (False, True, True)


async def test_a_late_result_of_the_old_revision_is_not_taken_for_one_of_the_new(parts):
    with parts.expect("one") as request:
        parts.pending.admit(request)
        (old,) = parts.jobs()
        await parts.reencoder.reencode(request, served("r2"))

        parts.pending.settle([result(old, "old")])

        assert (request.records[0].outputs, request.is_awaited) == ({}, True)


async def test_a_record_half_done_is_reencoded_whole_because_its_outputs_belong_to_the_old_plan(parts):
    with parts.expect("one two") as request:
        parts.pending.admit(request)
        first, _ = parts.jobs()
        parts.pending.settle([result(first)])

        await parts.reencoder.reencode(request, served("r2"))

        assert [job.input for job in parts.jobs()] == ["r2:one", "r2:two"]


async def test_a_record_that_is_done_keeps_its_outputs_and_its_codec(parts):
    with parts.expect("one", "two") as request:
        parts.pending.admit(request)
        first, _ = parts.jobs()
        parts.pending.settle([result(first, "ONE")])

        await parts.reencoder.reencode(request, served("r2"))

        assert (request.records[0].in_order(), request.records[0].codec) == (["ONE"], parts.codec)
        assert [job.input for job in parts.jobs()] == ["r2:two"]


async def test_a_text_that_the_new_revision_cannot_take_ends_with_its_problem(parts):
    class Stricter(WordCodec):
        def encode(self, text, options, work=UNBOUNDED):
            return super().encode("impossible", options)

    new = card(revision="r2")
    with parts.expect("one") as request:
        parts.pending.admit(request)
        parts.jobs()

        await parts.reencoder.reencode(request, Served(card=new, codec=Stricter(new, {})))

        assert (request.records[0].problem.code, request.is_awaited) == ("invalid_input", False)


class SlowEncoding:
    """Encodes once it may, as a thread does."""

    def __init__(self):
        self.may_end = asyncio.Event()
        self.work = []

    async def __call__(self, codec, texts, options, work):
        self.work.append(work)
        await self.may_end.wait()
        return encode_all(codec, texts, options, work)


async def test_of_two_encodings_that_meet_the_last_counts(clock):
    slow = SlowEncoding()
    parts = Parts(clock, slow)
    with parts.expect("one", "two") as request:
        parts.pending.admit(request)
        parts.jobs()
        encode = parts.reencoder.reencode
        encodings = [asyncio.create_task(encode(request, served(revision))) for revision in ("r2", "r3")]
        await asyncio.sleep(0)
        parts.pending.push_again()  # the broker came back empty meanwhile: there is nothing to bring it yet
        slow.may_end.set()
        await asyncio.gather(*encodings)

        jobs = parts.jobs()
        parts.pending.settle([result(job) for job in jobs])

        assert ([job.input for job in jobs], request.is_awaited) == (["r3:one", "r3:two"], False)


# It ended the request, though the text could be encoded for the revision that took over meanwhile.
async def test_a_refusal_by_an_encoding_that_was_overtaken_ends_nothing(clock):
    async def encode(codec, inputs, options, work):
        if codec.card.revision == "r2":
            await may_end.wait()
            raise Problem("too_large", "for r2")
        return encode_all(codec, inputs, options, work)

    may_end = asyncio.Event()
    parts = Parts(clock, encode)
    with parts.expect("one") as request:
        parts.pending.admit(request)
        overtaken = asyncio.create_task(parts.reencoder.reencode(request, served("r2")))
        await asyncio.sleep(0)
        await parts.reencoder.reencode(request, served("r3"))
        may_end.set()
        await overtaken

        assert request.is_awaited
        assert [job.input for job in parts.jobs()] == ["r3:one"]


async def test_what_no_revision_takes_ends_the_request(clock):
    async def refuse(codec, inputs, options, work):
        raise Problem("too_large", "for r2")

    parts = Parts(clock, refuse)
    with parts.expect("one") as request:
        parts.pending.admit(request)
        await parts.reencoder.reencode(request, served("r2"))

        with pytest.raises(Problem, match="for r2"):
            await request


async def test_what_was_encoded_for_whoever_has_gone_meanwhile_is_brought_to_nobody(clock):
    async def encode(codec, inputs, options, work):
        plans = encode_all(codec, inputs, options, work)
        await may_end.wait()
        return plans

    may_end = asyncio.Event()
    parts = Parts(clock, encode)
    with parts.expect("one") as request:
        parts.pending.admit(request)
        parts.jobs()
        encoding = asyncio.create_task(parts.reencoder.reencode(request, served("r2")))
        await asyncio.sleep(0)
    may_end.set()
    await encoding

    assert parts.outbox.withdraw() == []


async def test_while_very_many_requests_are_looked_at_others_get_their_turn(parts):
    turns = []

    async def others():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    with ExitStack() as requests:
        for _ in range(3 * AT_ONCE):
            requests.enter_context(parts.expect("one"))
        other = asyncio.create_task(others())
        await parts.reencoder.reencode_orphans(lambda card: None)
        other.cancel()

    assert len(turns) == 3


async def test_encodings_end_when_they_are_told_to(clock, monkeypatch):
    monkeypatch.setattr("server.requests.reencoding.WAIT", 0.0)
    ended = asyncio.Event()

    async def encode(codec, inputs, options, work):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    parts = Parts(clock, encode)
    with parts.expect("one"):
        await parts.reencoder.reencode_orphans(lambda card: served("r2"))
        await asyncio.sleep(0)
        parts.reencoder.stop()

        await asyncio.wait_for(ended.wait(), 10.0)


async def test_nothing_is_encoded_anew_for_whoever_has_gone(clock):
    slow = SlowEncoding()
    parts = Parts(clock, slow)
    with parts.expect("one") as request:
        parts.pending.admit(request)
        encoding = asyncio.create_task(parts.reencoder.reencode(request, served("r2")))
        await asyncio.sleep(0)

    with pytest.raises(Abandoned):
        slow.work[0].check()
    slow.may_end.set()
    await encoding
    assert (parts.jobs(), len(parts.pending)) == ([], 0)


async def test_an_encoding_that_has_ended_is_not_kept(parts):
    with parts.expect("one"):
        await parts.reencoder.reencode_orphans(lambda card: served("r2"))
        await asyncio.sleep(0)

        assert parts.reencoder._tasks == set()
