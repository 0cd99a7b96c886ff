"""The way to the broker breaks, one fault after the other, and nobody but the log notices; or not for long."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker.keys import Keys
from broker.redis import scripts
from tests.faults.kit import report
from tests.faults.kit.oracle import check_answers, check_nothing_left, recovery
from tests.faults.kit.proxied import ProxiedStack, proxied_stack
from tests.faults.kit.traffic import traffic, wait_for_more
from tests.integration.stack import NAMESPACE
from tests.waiting import until

READER = b"BLPOP"  # what the front end's reader says, and nobody else there
ADMIT, DRAIN, FINISH = (script.sha.encode() for script in (scripts.ADMIT, scripts.DRAIN, scripts.FINISH))
NOTICED_WITHIN = 3.0  # seconds until a dead connection is given up and a new one serves


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedStack]:
    with proxied_stack(tmp_path_factory.mktemp("system")) as made:
        yield made


def repeatedly(act: Callable[[], object], *, every: float, seconds: float) -> None:
    """With a pause after each: a slow act is not followed by a burst."""
    ending = time.monotonic() + seconds
    while time.monotonic() < ending:
        act()
        time.sleep(every)


# A reply is lost


@pytest.mark.parametrize(
    ("side", "command"),
    [
        pytest.param("front end", ADMIT, id="ADMIT"),
        pytest.param("front end", READER, id="the reply reader"),
        pytest.param("batcher", DRAIN, id="DRAIN"),
        pytest.param("batcher", FINISH, id="FINISH"),
    ],
)
def test_a_lost_reply_harms_nobody_and_nothing_is_computed_twice(
    system: ProxiedStack, side: str, command: bytes, request: pytest.FixtureRequest
) -> None:
    with traffic(system.stack.urls, rate=100) as calls:
        wait_for_more(calls, 20)

        with system.side(side).drop_reply(command) as dropped:
            assert dropped.happened.wait(10.0)
            since = time.monotonic()
            wait_for_more(calls, 100)

    check_answers(calls)
    times = Counter(system.computed())
    assert [call.text for call in calls if times[call.text] != 1] == []
    report.record(f"reply lost: {request.node.callspec.id}", recovery(calls, since))
    check_nothing_left(system.stack)


# Connections break


def test_connections_that_the_broker_kills_twice_a_second_lose_nothing(system: ProxiedStack) -> None:
    with system.broker.client() as client, traffic(system.stack.urls, rate=120) as calls:
        repeatedly(lambda: client.client_kill_filter(_type="normal", skipme=True), every=0.5, seconds=20.0)

    check_answers(calls)
    report.record("all connections killed twice a second: the slowest request", max(call.seconds for call in calls))
    check_nothing_left(system.stack)


@pytest.mark.parametrize(
    ("side", "only"),
    [
        pytest.param("front end", READER, id="the reader's"),
        pytest.param("front end", ADMIT, id="the writer's"),
        pytest.param("front end", b"", id="all of the front end's"),
        pytest.param("batcher", DRAIN, id="DRAIN's"),
        pytest.param("batcher", FINISH, id="FINISH's"),
        pytest.param("batcher", b"", id="all of the batcher's"),
    ],
)
def test_a_half_open_connection_is_noticed_within_three_seconds_and_fails_no_request(
    system: ProxiedStack, side: str, only: bytes, request: pytest.FixtureRequest
) -> None:
    with traffic(system.stack.urls, rate=100) as calls:
        wait_for_more(calls, 50)

        since = time.monotonic()
        with system.side(side).half_open(only=only) as count:
            assert count
        wait_for_more(calls, 100)

    check_answers(calls)
    felt = recovery(calls, since)
    assert felt < NOTICED_WITHIN
    report.record(f"half-open: {request.node.callspec.id}", felt)
    check_nothing_left(system.stack)


def test_a_heart_whose_connection_is_half_open_beats_on_another_within_three_seconds(system: ProxiedStack) -> None:
    (before,) = beats(system)

    since = time.monotonic()
    with system.back.half_open(only=scripts.BEAT.sha.encode()) as count:
        assert count
    until(lambda: beats(system)[0] > before, "it has beaten again", within=NOTICED_WITHIN)

    report.record("half-open: the heart's", time.monotonic() - since)
    check_nothing_left(system.stack)


def beats(system: ProxiedStack) -> list[int]:
    """When each batcher beat last, in ms of the broker's clock."""
    entries: Any = system.stack.redis.hvals(Keys(NAMESPACE).batchers)
    return [int(entry[:13]) for entry in entries]


# The broker is forgetful or slow


def test_scripts_flushed_twenty_times_a_second_are_told_again_and_nobody_notices(system: ProxiedStack) -> None:
    with system.broker.client() as client, traffic(system.stack.urls, rate=100) as calls:
        since = time.monotonic()
        repeatedly(client.script_flush, every=0.05, seconds=3.0)

    check_answers(calls)
    report.record("scripts flushed twenty times a second", recovery(calls, since))
    check_nothing_left(system.stack)


def test_every_reply_three_tenths_of_a_second_late_slows_requests_and_fails_none(system: ProxiedStack) -> None:
    with system.front.delay(0.3), system.back.delay(0.3), traffic(system.stack.urls, rate=50) as calls:
        wait_for_more(calls, 100)

    check_answers(calls)
    assert system.stack.front_ends[0].is_ready()
    check_nothing_left(system.stack)


def test_requests_wait_for_a_broker_that_hangs_for_two_seconds_or_are_told_to_come_back(system: ProxiedStack) -> None:
    with traffic(system.stack.urls, rate=100) as calls:
        wait_for_more(calls, 50)
        system.broker.pause()
        stopped = time.monotonic()
        until(lambda: time.monotonic() > stopped + 2.0, "two seconds have passed")
        system.broker.resume()
        since = time.monotonic()
        until(lambda: any(call.sent > since and call.status == 200 for call in calls), "it serves again")
        wait_for_more(calls, 100)

    check_answers(calls, errors={503})
    felt = recovery(calls, since)
    assert felt < NOTICED_WITHIN
    report.record("broker stopped for 2 s: after it went on", felt)
    check_nothing_left(system.stack)
