"""What a stream holds while its client is slow, and after it has ended."""

from __future__ import annotations

import gc

import pytest

from server.streams.rows import RowStream
from tests.unit.server.stand_in import ScriptedBroker, answered, running
from tests.unit.server.streams.reader import Reader, read, streaming

pytestmark = pytest.mark.anyio


def slow() -> ScriptedBroker:
    """It answers what the test publishes."""
    return ScriptedBroker(answers=False)


async def test_a_reader_that_reads_nothing_gets_no_second_piece_and_the_deadline_still_holds():
    reader = Reader()
    async with running(slow()) as jitney, streaming(jitney, "a", "b", "c", reader=reader, timeout=0.3) as (_, asking):
        await jitney.broker.admitted.wait()
        first, second, _ = jitney.broker.jobs
        jitney.broker.publish(answered(first))
        await jitney.until(lambda: reader.pieces)
        reader.reads.clear()
        before = jitney.front_end.bytes_in_hand.held
        jitney.broker.publish(answered(second))
        await jitney.until(lambda: reader.waits)

        assert (reader.pieces, jitney.front_end.bytes_in_hand.held > before) == (1, True)
        await jitney.until(lambda: not len(jitney.front_end.pending))  # the deadline: nothing is computed any more

        reader.reads.set()
        await asking
        assert [row.get("text") for row in reader.rows] == ["A", "B", None, None]
        assert reader.rows[2]["error"]["code"] == "expired"
        assert jitney.front_end.bytes_in_hand.held == 0


async def test_a_large_answer_is_sent_in_pieces():
    async with running() as jitney:
        told = await read(jitney, *(f"{number}" + "x" * 40_000 for number in range(20)))

        assert len(told.rows) == 21
        assert told.pieces > 10


@pytest.mark.parametrize("timeout", [0.2, 60.0], ids=["expired", "in time"])
async def test_what_has_ended_needs_no_garbage_collector(timeout):
    async with running(slow()) as jitney:
        gc.disable()
        try:
            async with streaming(jitney, "a", "b", timeout=timeout) as (reader, asking):
                await jitney.broker.admitted.wait()
                one, two = jitney.broker.jobs
                jitney.broker.publish(answered(one))
                await jitney.until(lambda: reader.pieces)
                if timeout == 60.0:
                    jitney.broker.publish(answered(two))
                await asking

            assert reader.rows[-1]["done"]
            assert [one for one in gc.get_objects() if isinstance(one, RowStream)] == []
        finally:
            gc.enable()


async def test_what_waits_for_a_slow_client_is_in_hand_and_what_it_has_taken_is_not():
    reader = Reader()
    async with (
        running(slow()) as jitney,
        streaming(jitney, "a" * 9_000, "b" * 9_000, "c", reader=reader) as (_, asking),
    ):
        await jitney.broker.admitted.wait()
        first, second, third = jitney.broker.jobs
        (request,) = jitney.front_end.pending.waiting
        hand, before = jitney.front_end.bytes_in_hand, jitney.front_end.bytes_in_hand.held

        jitney.broker.publish(answered(first))
        await jitney.until(lambda: reader.pieces == 1 and not reader.waits)
        assert hand.held - before == len(reader.body)  # the row, which its system may still hold; its output is let go
        assert request.records[0].outputs == {}

        row = len(reader.body)
        reader.reads.clear()
        jitney.broker.publish(answered(second))
        await jitney.until(lambda: reader.waits)
        assert hand.held - before == row + 9_000  # the second row, of the same length, and its output

        reader.reads.set()
        jitney.broker.publish(answered(third))
        await asking
        assert hand.held == 0
