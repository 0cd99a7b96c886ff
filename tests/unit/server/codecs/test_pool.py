"""Large texts and outputs: never on the event loop, never in a long line, and never for nobody."""

from __future__ import annotations

import asyncio
import threading
from array import array
from typing import ClassVar

import pytest

from broker.messages import Result
from server.codecs.encoding import INLINE, LETTERS, PAGE, weight
from server.codecs.pool import IN_LINE, LARGE, THREADS, CodecPool
from server.codecs.work import UNBOUNDED, Work
from server.errors import Problem
from tests.unit.server.stand_in import TIMING, ScriptedBroker, WordCodec, announced, card, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def pool():
    made = CodecPool()
    yield made
    made.close()


async def test_cancelled_work_is_stopped(pool):
    work, begun = Work(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless():
        loop.call_soon_threadsafe(begun.set)
        while True:
            work.check()

    running = asyncio.create_task(pool.run(endless, 1, work))
    await begun.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert await pool.run(lambda: "free again", 1, Work()) == "free again"


async def test_large_work_does_not_hold_up_the_rest(pool):
    may_end = threading.Event()
    large = [asyncio.create_task(pool.run(may_end.wait, LARGE + 1, Work())) for _ in range(THREADS + 1)]
    await asyncio.sleep(0)  # they begin

    assert await pool.run(lambda: "done", LARGE, Work()) == "done"

    may_end.set()
    await asyncio.gather(*large)


async def test_pictures_hold_up_no_text_and_no_text_holds_up_them(pool):
    may_end = threading.Event()
    pictures = [asyncio.create_task(pool.run(may_end.wait, 1, Work(), has_pictures=True)) for _ in range(THREADS)]
    await asyncio.sleep(0)  # they begin

    assert await pool.run(lambda: "read", 1, Work()) == "read"
    assert await pool.run(lambda: "read", LARGE + 1, Work()) == "read"

    may_end.set()
    await asyncio.gather(*pictures)
    may_end.clear()
    texts = [asyncio.create_task(pool.run(may_end.wait, size, Work())) for size in (1, 1, LARGE + 1, LARGE + 1)]
    await asyncio.sleep(0)

    assert await pool.run(lambda: "decoded", 1, Work(), has_pictures=True) == "decoded"

    may_end.set()
    await asyncio.gather(*texts)


async def test_a_long_line_is_refused_and_told_to_come_back(pool):
    may_end = threading.Event()
    waiting = [asyncio.create_task(pool.run(may_end.wait, 1, Work())) for _ in range(THREADS + IN_LINE)]
    await asyncio.sleep(0)

    with pytest.raises(Problem) as refused:
        await pool.run(lambda: None, 1, Work())

    may_end.set()
    await asyncio.gather(*waiting)
    assert refused.value.status == 503


async def test_whoever_gave_up_stands_in_no_line(pool):
    may_end = threading.Event()
    waiting = [asyncio.create_task(pool.run(may_end.wait, 1, Work())) for _ in range(THREADS + IN_LINE)]
    await asyncio.sleep(0)
    waiting[-1].cancel()
    await asyncio.gather(waiting[-1], return_exceptions=True)

    last = asyncio.create_task(pool.run(lambda: "done", 1, Work()))
    may_end.set()

    assert await last == "done"
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("four", 4),
        ("x" * (PAGE + 2 * LETTERS), PAGE + 2),
        (array("f", [1.0, 2.0]), 2),
        ({"a": [1, 2, 3]}, 4),
        ([["ab", "c"], {}], 7),
        (7, 0),
        (None, 0),
    ],
)
def test_the_weight_of_an_output_is_what_it_is_made_of(value, expected):
    assert weight([value]) == expected


@pytest.mark.parametrize("value", [[0] * 1_000_000, [[[0] * 20] * 1000] * 1000, {"a": "a" * 10_000_000}])
@pytest.mark.timeout(2)
def test_an_endless_output_is_not_weighed_to_its_end(value):
    assert weight([value] * 10) > INLINE


LONG = "x" * LETTERS * (INLINE + 1)


class Telling(WordCodec):
    """Says in which threads it worked."""

    threads: ClassVar[set[int]] = set()

    def encode(self, text, options, work=UNBOUNDED):
        self.threads.add(threading.get_ident())
        return super().encode(text, options, work)

    def decode(self, plan, outputs):
        self.threads.add(threading.get_ident())
        return super().decode(plan, outputs)


@pytest.fixture
def threads():
    Telling.threads = set()
    return Telling.threads


async def test_a_small_text_changes_no_thread(threads):
    async with running(make_codec=Telling) as jitney:
        assert (await jitney.ask("one two")).status_code == 200

    assert threads == {threading.get_ident()}


async def test_a_large_text_is_never_read_on_the_loop(threads):
    async with running(make_codec=Telling) as jitney:
        assert (await jitney.ask(LONG)).status_code == 200

    assert threading.get_ident() not in threads


@pytest.mark.parametrize(
    ("output", "on_the_loop"),
    [
        pytest.param("1" * 10_000, True, id="a page of text is written in microseconds"),
        pytest.param(LONG, False, id="a long text takes a thread"),
        pytest.param(array("f", [1.0]) * (INLINE + 1), False, id="and so do fewer numbers"),
    ],
)
async def test_only_large_outputs_are_read_beside_the_loop(threads, output, on_the_loop):
    async with running(ScriptedBroker(answers=False), make_codec=Telling) as jitney, jitney.asked("one") as asked:
        threads.clear()
        (job,) = jitney.broker.jobs
        jitney.broker.publish(Result(job_id=job.id, output=output, timing=TIMING))

        await asked

    assert (threading.get_ident() in threads) is on_the_loop


async def test_large_texts_are_encoded_anew_beside_the_loop(threads):
    broker = ScriptedBroker([announced(card(revision="r1"))], answers=False)
    async with running(broker, make_codec=Telling) as jitney, jitney.asked(LONG) as asked:
        broker.announcements.append(announced(card(revision="r2"), since=2.0))
        await jitney.look()
        broker.announcements, broker.answers = broker.announcements[1:], True
        threads.clear()
        await jitney.look()

        assert (await asked).status_code == 200
    assert threading.get_ident() not in threads
