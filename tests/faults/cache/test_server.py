"""The cache's own server does what it can, and never harms who looks: dead, restarted, slow, full."""

from __future__ import annotations

import asyncio
import time

import pytest
import structlog

from broker.common.backoff import SHORTEST
from broker.embedded import Binary
from server.cache.looks import MOST_DIGESTS
from server.cache.outbox import LARGEST, MOST_BYTES, TRIP_BYTES
from server.cache.remote import LIMIT, LONGEST_PAUSE, PATIENCE, CacheServer
from tests.faults.cache.connected import PREFIX, connected, kept, running, until
from tests.faults.kit.broker_process import BrokerProcess, broker_process
from tests.faults.kit.proxy import proxy_to

pytestmark = pytest.mark.anyio
SCHEDULING = 0.2  # seconds that a loaded machine may add to any wait
NAME = b"a"


async def look(cache: CacheServer) -> float:
    """How long it takes to find nothing."""
    began = time.monotonic()
    assert await cache.get_many([NAME]) == [None]
    return time.monotonic() - began


def is_passed_over(cache: CacheServer) -> bool:
    """Who looks does not wait at all."""
    looking = cache.get_many([NAME])
    try:
        looking.send(None)
    except StopIteration as end:
        return end.value == [None]
    looking.close()
    return False


# While all is well


async def test_what_was_kept_is_found_under_its_name_and_nowhere_else(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        await kept(cache, b"a\x00\r\n\xff", b"\x00any bytes\r\n")

        assert await cache.get_many([b"b", b"a\x00\r\n\xff", b"c"]) == [None, b"\x00any bytes\r\n", None]
        assert (cache.hits, cache.errors, cache.dropped, cache.timeouts) == (2, 0, 0, 0)


async def test_it_is_kept_for_its_time_and_in_its_namespace(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        await kept(cache, b"long", b"1", 100.0)
        await kept(cache, b"short", b"2", 0.2)
        with server.client() as client:
            assert 99_000 < client.pttl(PREFIX + b"long") <= 100_000

        await until(lambda: _is_gone(server, b"short"), "its time is over")
        assert await cache.get_many([b"long", b"short"]) == [b"1", None]


def _is_gone(server: BrokerProcess, digest: bytes) -> bool:
    with server.client() as client:
        return client.get(PREFIX + digest) is None


async def test_all_that_gather_while_a_trip_is_away_go_in_one(
    server: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[int] = []
    async with connected(server.url) as cache:
        await kept(cache, b"7", b"seven")
        trip = cache._client.trip
        monkeypatch.setattr(cache._client, "trip", lambda *commands: trips.append(len(commands)) or trip(*commands))
        found = await asyncio.gather(*(cache.get_many([b"%d" % number]) for number in range(MOST_DIGESTS)))

    assert [one for part in found for one in part] == [b"seven" if at == 7 else None for at in range(MOST_DIGESTS)]
    assert trips == [MOST_DIGESTS]


async def test_many_digests_are_found_in_their_order_whatever_a_trip_carries(server: BrokerProcess) -> None:
    names = [b"%d" % number for number in range(2 * MOST_DIGESTS + 3)]
    async with connected(server.url) as cache:
        for name in names[::2]:
            cache.put(name, b"of " + name, 60.0)
        await until(lambda: not _is_gone(server, names[-1]), "all is kept")

        assert await cache.get_many(names) == [b"of " + name if at % 2 == 0 else None for at, name in enumerate(names)]


async def test_who_asks_and_goes_takes_nothing_from_the_others(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        await kept(cache, b"a", b"1")
        goes, stays = (asyncio.create_task(cache.get_many([b"a"])) for _ in range(2))
        await asyncio.sleep(0)
        goes.cancel()

        assert await stays == [b"1"]
        assert await cache.get_many([b"a", b"b"]) == [b"1", None]
        [gone] = cache._looks.add([b"a"], asyncio.get_running_loop())
        gone.found.cancel()
        cache._work.set()
        await asyncio.sleep(0.01)
        assert await cache.get_many([b"a"]) == [b"1"]  # a trip for nobody would still wait for its answer


# Dead


async def test_without_a_server_nobody_waits_and_it_is_met_once_it_is_there(program: Binary) -> None:
    with broker_process(binary=program, start=False) as server:
        async with running(server.url) as cache:
            await until(lambda: cache.errors > 1, "it has tried")
            assert is_passed_over(cache)
            cache.put(b"a", b"1", 60.0)
            assert cache.dropped == 1

            server.start()
            await until(lambda: cache.is_up, "it is met")
            await kept(cache, b"a", b"2")


async def test_one_that_dies_costs_a_moment_and_one_that_is_back_is_used_again(server: BrokerProcess) -> None:
    with structlog.testing.capture_logs() as lines:
        async with connected(server.url) as cache:
            await kept(cache, b"a", b"1")
            server.kill()
            assert await look(cache) < PATIENCE + SCHEDULING
            await until(lambda: not cache.is_up, "it is seen to be away")
            assert is_passed_over(cache)

            server.start()
            await until(lambda: cache.is_up, "it is met again")
            await kept(cache, b"a", b"2")

    told = [line["event"] for line in lines if line["event"].startswith("cache server")]
    unhurried = [event for event in told if event != "cache server slow"]  # which a loaded machine may be at any time
    assert unhurried[:1] + unhurried[-1:] == ["cache server away", "cache server back"]


async def test_it_is_tried_less_and_less_often_and_soon_again_once_it_has_answered(program: Binary) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0.01)

    with broker_process(binary=program, start=False) as server:
        async with running(server.url, sleep=sleep) as cache:
            await until(lambda: max(pauses, default=0.0) > 4 * SHORTEST, "it has tried for long")
            server.start()
            await until(lambda: cache.is_up, "it is met")
            await kept(cache, b"a", b"1")
            tries = len(pauses)
            server.kill()
            await look(cache)
            await until(lambda: len(pauses) > tries, "it is seen to be away")

    assert pauses[tries] <= SHORTEST < max(pauses) <= LONGEST_PAUSE


async def test_one_that_dies_with_a_trip_under_way_answers_who_waits(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        await kept(cache, b"a", b"1")
        server.pause()
        waiting = [asyncio.create_task(cache.get_many([b"a"])) for _ in range(3)]
        await asyncio.sleep(PATIENCE / 5)
        server.kill()

        assert await asyncio.gather(*waiting) == [[None]] * 3


# Slow


async def test_one_that_stands_still_costs_a_moment_once_and_then_nothing(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        await kept(cache, b"a", b"1")
        server.pause()
        assert PATIENCE / 2 < await look(cache) < PATIENCE + SCHEDULING
        assert cache.timeouts == 1

        began, looks = time.monotonic(), []
        while time.monotonic() - began < 2 * LIMIT:
            looks.append(is_passed_over(cache))
            await asyncio.sleep(0.005)
        assert len(looks) > 20 and all(looks)

        server.resume()
        await until(lambda: cache.is_up, "it is met again")
        await kept(cache, b"a", b"2")


async def test_what_an_earlier_trip_asked_for_is_never_taken_for_what_a_later_one_did(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        for name in (b"a", b"b"):
            await kept(cache, name, b"of " + name)
        server.pause()
        late = asyncio.create_task(cache.get_many([b"a"]))
        assert await late == [None]
        server.resume()

        found = []
        began = time.monotonic()
        while len(found) < 20 and time.monotonic() - began < 20.0:
            found += [one for one in await cache.get_many([b"b"]) if one is not None]
            await asyncio.sleep(0.005)

    assert found == [b"of b"] * 20


async def test_one_that_always_answers_too_late_is_seldom_asked(server: BrokerProcess) -> None:
    with proxy_to(server.url) as proxy:
        async with connected(proxy.url) as cache:
            await kept(cache, b"a", b"1")
            with proxy.delay(2 * PATIENCE):
                began, waited = time.monotonic(), 0.0
                while time.monotonic() - began < 3.0:
                    waited += await look(cache)
                    await asyncio.sleep(0.005)

            assert cache.timeouts < 15  # of 300 looks or so
            assert waited < 1.0
            await until(lambda: cache.is_up, "it is met again", within=2 * LONGEST_PAUSE)
            await kept(cache, b"a", b"2")


# Full


async def test_one_that_is_full_and_evicts_nothing_still_answers_who_looks(program: Binary) -> None:
    bound = ("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
    with broker_process(*bound, binary=program) as server, structlog.testing.capture_logs() as lines:
        async with connected(server.url) as cache:
            await kept(cache, b"a", b"1")
            for number in range(64):
                cache.put(b"%d" % number, b"x" * LARGEST, 60.0)
                await asyncio.sleep(0.005)
            await until(lambda: cache.errors, "it refuses an entry")

            assert await cache.get_many([b"a"]) == [b"1"]
            assert cache.is_up

    told = {line["event"]: line for line in lines}
    assert "takes nothing new once it is full" in told["cache server will fail"]["reason"]
    assert "out of memory" in told["cache server refuses entries"]["reason"]
    assert "allkeys-lfu" in told["cache server refuses entries"]["remedy"]


async def test_one_that_is_full_and_evicts_takes_whatever_comes(program: Binary) -> None:
    with broker_process("--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lfu", binary=program) as server:
        async with connected(server.url) as cache:
            for number in range(128):
                await kept(cache, b"%d" % number, b"x" * LARGEST)
            with server.client() as client:
                assert client.info("stats")["evicted_keys"] > 0

            assert cache.errors == 0


async def test_more_than_there_is_room_for_is_dropped_and_counted(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        server.pause()
        for number in range(64):
            cache.put(b"%d" % number, b"x" * LARGEST, 60.0)
        assert cache.dropped == 64 - MOST_BYTES // LARGEST

        under_way = TRIP_BYTES // LARGEST
        await until(lambda: cache.dropped == 64 - under_way, "what waits is thrown away with the connection")
