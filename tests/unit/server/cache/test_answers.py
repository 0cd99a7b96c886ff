"""A front end with a cache: what was answered before is not computed again, and equal inputs are computed once."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
import pytest

from broker.messages import FailureCode, Result, Verdict
from server.cache.cache import Cache
from server.cache.entry import Entry
from server.cache.lookup import Lookup
from server.cache.memory import AnswerMemory
from server.http.context import RequestContext
from tests.unit.server.stand_in import TIMING, RunningFrontEnd, ScriptedBroker, announced, answered, card, running, told

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def cached(broker: ScriptedBroker | None = None, **settings: Any) -> AsyncIterator[RunningFrontEnd]:
    async with running(broker, **{"cache_bytes": 1_000_000} | settings) as jitney:
        yield jitney


def cache_of(jitney: RunningFrontEnd) -> Cache:
    assert jitney.front_end.cache is not None
    return jitney.front_end.cache


def status(answer: httpx2.Response) -> str:
    return answer.headers.get("cache-status", "")


def answer_all(jitney: RunningFrontEnd) -> None:
    jitney.broker.publish(*map(answered, jitney.broker.jobs))


async def joined(jitney: RunningFrontEnd, waiting: int) -> None:
    """So many records wait for other requests."""
    await jitney.until(lambda: cache_of(jitney).records["echo", "joined"] == waiting)


async def test_a_hit_is_the_miss_byte_for_byte_and_brings_no_job() -> None:
    async with cached() as jitney:
        miss = await jitney.ask("good morning", "", toLang="ja")
        jobs = len(jitney.broker.jobs)
        hit = await jitney.ask("good morning", "", toLang="ja")

        assert miss.content == hit.content
        assert len(jitney.broker.jobs) == jobs
        assert status(miss).startswith("jitney; fwd=miss; stored")
        assert status(hit).startswith("jitney; hit; ttl=")


async def test_without_a_cache_nothing_is_said_of_one() -> None:
    async with running() as jitney:
        await jitney.ask("good morning")
        again = await jitney.ask("good morning")

        assert status(again) == ""
        assert len(jitney.broker.jobs) == 4


async def test_only_what_is_not_known_is_computed() -> None:
    async with cached() as jitney:
        await jitney.ask("one", "two")
        both = await jitney.ask("three", "two")

        assert [row["text"] for row in both.json()["result"]] == ["THREE", "TWO"]
        assert len(jitney.broker.jobs) == 3
        assert status(both) == 'jitney; fwd=partial; stored; detail="1/2"'


async def test_equal_inputs_of_one_request_are_computed_once() -> None:
    async with cached() as jitney:
        answer = await jitney.ask("same", "same", "same")

        assert [row["text"] for row in answer.json()["result"]] == ["SAME"] * 3
        assert len(jitney.broker.jobs) == 1


async def test_equal_inputs_at_one_time_are_computed_once() -> None:
    async with cached(ScriptedBroker(answers=False)) as jitney, jitney.asked("same") as first:
        others = [asyncio.create_task(jitney.ask("same")) for _ in range(9)]
        await joined(jitney, 9)
        answer_all(jitney)

        replies = await asyncio.gather(first, *others)
        assert {reply.content for reply in replies} == {replies[0].content}
        assert len(jitney.broker.jobs) == 1
        assert status(replies[-1]) == "jitney; fwd=miss; collapsed"


async def test_when_the_one_that_computes_goes_the_next_computes_and_the_others_wait_for_it() -> None:
    async with cached(ScriptedBroker(answers=False)) as jitney:
        async with jitney.asked("same"):
            others = [asyncio.create_task(jitney.ask("same")) for _ in range(5)]
            await joined(jitney, 5)
        await jitney.until(lambda: len(jitney.broker.jobs) == 2)
        answer_all(jitney)

        replies = await asyncio.gather(*others)
        assert [reply.status_code for reply in replies] == [200] * 5
        assert len(jitney.broker.jobs) == 2


async def test_one_that_waits_and_goes_costs_the_others_nothing() -> None:
    async with cached(ScriptedBroker(answers=False)) as jitney, jitney.asked("same") as first:
        other = asyncio.create_task(jitney.ask("same"))
        await joined(jitney, 1)
        other.cancel()
        await asyncio.wait({other})
        answer_all(jitney)

        assert (await first).status_code == 200


async def test_a_failure_that_may_pass_is_nobody_elses_and_not_kept() -> None:
    async with cached(ScriptedBroker(answers=False)) as jitney, jitney.asked("fail:model_error") as first:
        others = [asyncio.create_task(jitney.ask("fail:model_error")) for _ in range(2)]
        await joined(jitney, 2)
        answer_all(jitney)
        assert told(await first) == (500, "model_error")
        await jitney.until(lambda: len(jitney.broker.jobs) == 3)  # each for itself, and none after the other
        again = jitney.broker.jobs[1:]
        jitney.broker.publish(*(Result(job_id=job.id, output="well", timing=TIMING) for job in again))

        assert [(await other).json()["result"][0]["text"] for other in others] == ["well"] * 2


async def test_when_the_one_that_computes_is_refused_each_of_the_others_computes_at_once() -> None:
    hurried = {"X-Request-Timeout": "0.2"}
    async with cached(ScriptedBroker(answers=False)) as jitney, jitney.asked("same", headers=hurried) as first:
        others = [asyncio.create_task(jitney.ask("same")) for _ in range(3)]
        await joined(jitney, 3)
        assert told(await first) == (504, "expired")
        await jitney.until(lambda: len(jitney.broker.jobs) == 4)
        answer_all(jitney)

        assert [(await other).status_code for other in others] == [200] * 3


async def test_what_another_request_keeps_while_the_server_is_asked_is_found() -> None:
    class Server:
        async def get_many(self, digests: list[bytes]) -> list[None]:
            cache.memory.put(b"a", entry)
            return [None for _ in digests]

    entry = Entry(b"{}", 1, 0.0, 60.0)
    cache = Cache(AnswerMemory(100_000), b"k" * 16, ttl=60.0, server=Server(), clock=lambda: 1.0)  # type: ignore[arg-type]

    assert await cache.fetch([b"a", b"b"]) == {b"a": entry}


KEPT = [("impossible", (422, "invalid_input")), ("fail:poison", (500, "poison"))]


@pytest.mark.parametrize(("text", "refused"), KEPT)
async def test_what_every_try_would_end_in_is_kept(text: str, refused: tuple[int, str]) -> None:
    async with cached() as jitney:
        first = await jitney.ask(text)
        jobs = len(jitney.broker.jobs)
        again = await jitney.ask(text)

        assert told(first) == told(again) == refused
        assert first.json()["detail"] == again.json()["detail"]
        assert len(jitney.broker.jobs) == jobs
        assert status(again).startswith("jitney; hit")


async def test_another_revision_has_answers_of_its_own() -> None:
    async with cached() as jitney:
        await jitney.ask("same")
        jitney.broker.announcements = [announced(card(revision="r2"))]
        await jitney.look()
        again = await jitney.ask("same")

        assert len(jitney.broker.jobs) == 2
        assert status(again) == "jitney; fwd=miss; stored"


async def test_who_waits_is_answered_when_the_revision_changes_meanwhile() -> None:
    async with cached(ScriptedBroker(answers=False)) as jitney, jitney.asked("same") as first:
        other = asyncio.create_task(jitney.ask("same"))
        await joined(jitney, 1)
        jitney.broker.announcements, jitney.broker.answers = [announced(card(revision="r2"))], True
        await jitney.look()
        assert (await first).status_code == 200
        jitney.broker.announcements = [announced(card(revision="r2"))]
        looks = asyncio.create_task(jitney.look())

        assert (await other).status_code == 200
        await looks


@pytest.mark.parametrize(
    ("said", "jobs", "expected"),
    [
        ("no-store", 2, "jitney; fwd=bypass"),
        ("no-cache", 2, "jitney; fwd=request; stored"),
        ("max-age=60", 1, "jitney; hit; ttl="),
        ("only-if-cached", 1, "jitney; hit; ttl="),
    ],
)
async def test_a_client_says_what_the_cache_may_do(said: str, jobs: int, expected: str) -> None:
    async with cached() as jitney:
        await jitney.ask("same")
        again = await jitney.ask("same", headers={"Cache-Control": said})

        assert status(again).startswith(expected)
        assert len(jitney.broker.jobs) == jobs


async def test_what_is_not_stored_is_not_there_and_only_if_cached_computes_nothing() -> None:
    async with cached() as jitney:
        await jitney.ask("same", headers={"Cache-Control": "no-store"})
        refused = await jitney.ask("same", headers={"Cache-Control": "only-if-cached"})

        assert told(refused) == (504, "not_cached")
        assert len(jitney.broker.jobs) == 1
        assert len(cache_of(jitney).memory) == 0


async def test_an_answer_that_was_forgotten_is_computed_again() -> None:
    async with cached(cache_ttl=100.0) as jitney:
        now = 1_000.0
        cache_of(jitney).clock = lambda: now
        await jitney.ask("same")
        now += 101.0
        again = await jitney.ask("same")

        assert status(again) == "jitney; fwd=miss; stored"


async def test_a_stream_tells_and_keeps_what_other_requests_know() -> None:
    stream = {"Accept": "application/x-ndjson"}
    async with cached() as jitney:
        first = await jitney.ask("one", "two", headers=stream)
        again = await jitney.ask("one", "two", headers=stream)
        plain = await jitney.ask("one", "two")

        rows = [sorted(line for line in reply.text.splitlines() if '"text"' in line) for reply in (first, again)]
        assert rows[0] == rows[1]
        assert status(plain).startswith("jitney; hit")
        assert len(jitney.broker.jobs) == 2


async def test_what_is_kept_takes_the_memory_that_is_counted() -> None:
    async with cached() as jitney:
        cache = cache_of(jitney)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for number in range(1000):
                entry = cache.entry({"text": f"good morning, {number}"}, 3)
                assert entry is not None
                cache.keep(b"digest %d" % number, entry)
            taken = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

        assert taken <= 1.1 * cache.memory.bytes


async def test_a_request_leaves_nothing_to_the_collector_which_rarely_comes() -> None:
    async with cached() as jitney:
        await jitney.ask("zero")
        gc.collect()
        with collector_that_tells() as garbage:
            await jitney.ask("one", "two")
            jitney.broker.verdict = Verdict(refusal=FailureCode.CONTENDED)
            refused = await jitney.ask("three")

        assert refused.status_code == 429
        assert [one for one in garbage if isinstance(one, Lookup | RequestContext)] == []


@contextmanager
def collector_that_tells() -> Iterator[list[Any]]:
    """Into the list comes what only the collector would have freed, at the end of the block."""
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    found: list[Any] = []
    try:
        yield found
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def test_nobody_is_left_in_the_air() -> None:
    async with cached(ScriptedBroker(answers=False)) as jitney:
        async with jitney.asked("one"), jitney.asked("two"):
            pass

        assert not cache_of(jitney).flights
