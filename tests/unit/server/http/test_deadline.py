"""What ends the work for a request: its deadline, and a client that hangs up."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from server.errors import ClientGone, Problem
from server.http.deadline import LATE, SWEEP_PERIOD, DeadlineSweeper

pytestmark = pytest.mark.anyio


class Client:
    """Says what the test makes it say; `listened_to` counts those who want to hear it."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[str] = asyncio.Queue()
        self.listened_to = 0

    async def receive(self):
        self.listened_to += 1
        return {"type": await self.messages.get()}


async def for_ever():
    await asyncio.Event().wait()


async def a_few_turns():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def at_once(monkeypatch):
    """Sweeps follow each other without a pause."""
    monkeypatch.setattr("server.http.deadline.SWEEP_PERIOD", 0.0)


async def test_work_that_is_done_in_time_is_not_disturbed(client, clock):
    with DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
        deadline.listen()
        await a_few_turns()

    assert client.listened_to == 0


async def test_at_the_deadline_the_request_has_expired(client, clock):
    with pytest.raises(Problem) as caught, DeadlineSweeper(clock).over(client.receive, clock(), 0.01) as deadline:
        deadline.listen()
        await for_ever()

    assert caught.value.code == "expired"


async def test_a_body_that_is_not_there_at_the_deadline_is_its_client_s_fault(client, clock):
    with pytest.raises(Problem) as caught, DeadlineSweeper(clock).over(client.receive, clock(), 0.01):
        await for_ever()

    assert caught.value.code == "request_timeout"


async def test_the_deadline_counts_from_the_start_of_the_request(client, clock):
    started = clock()
    clock.tick(0.11)  # another layer took that long

    with pytest.raises(Problem), DeadlineSweeper(clock).over(client.receive, started, 0.1):
        await for_ever()


async def test_a_deadline_before_the_next_sweep_is_kept_exactly(client, clock):
    deadline = DeadlineSweeper(clock).over(client.receive, clock(), LATE + SWEEP_PERIOD)

    with deadline:
        assert deadline._timer is not None
        assert deadline._timer.when() - asyncio.get_running_loop().time() < 2 * LATE


@pytest.mark.usefixtures("at_once")
async def test_a_late_request_ends_at_its_deadline(client, clock):
    with pytest.raises(Problem), DeadlineSweeper(clock).over(client.receive, clock(), 600.0):
        clock.tick(600.0)
        await for_ever()


@pytest.mark.usefixtures("at_once")
async def test_a_late_request_ends_when_its_client_hangs_up(client, clock):
    client.messages.put_nowait("http.disconnect")

    with pytest.raises(ClientGone), DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
        deadline.listen()
        clock.tick(LATE)
        await for_ever()


@pytest.mark.usefixtures("at_once")
async def test_what_else_a_client_says_ends_nothing(client, clock):
    client.messages.put_nowait("http.request")

    with DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
        deadline.listen()
        clock.tick(LATE)
        await a_few_turns()

    assert client.listened_to == 2


@pytest.mark.usefixtures("at_once")
async def test_nobody_listens_before_the_body_is_read_because_that_would_swallow_it(client, clock):
    with DeadlineSweeper(clock).over(client.receive, clock(), 60.0):
        clock.tick(LATE)
        await a_few_turns()

    assert client.listened_to == 0


@pytest.mark.usefixtures("at_once")
async def test_a_request_that_was_late_before_its_body_was_read_is_listened_to_from_then_on(client, clock):
    with DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
        clock.tick(LATE)
        await a_few_turns()
        deadline.listen()
        await a_few_turns()

    assert client.listened_to == 1


@pytest.mark.usefixtures("at_once")
async def test_a_request_that_is_over_leaves_no_task_behind(client, clock):
    before = asyncio.all_tasks()

    with DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
        deadline.listen()
        clock.tick(LATE)
        await a_few_turns()
        tasks = len(asyncio.all_tasks()) - len(before)
    await a_few_turns()

    assert (tasks, asyncio.all_tasks()) == (1, before)


@pytest.mark.usefixtures("at_once")
async def test_a_request_that_was_listened_to_leaves_nothing_for_the_garbage_collector(client, clock):
    class Receive:
        async def __call__(self):
            return await client.receive()

    receive = Receive()
    still_there = weakref.ref(receive)
    gc.disable()
    try:
        with DeadlineSweeper(clock).over(receive, clock(), 60.0) as deadline:
            deadline.listen()
            clock.tick(LATE)
            await a_few_turns()
        await a_few_turns()
        del receive, deadline

        assert (client.listened_to, still_there()) == (1, None)
    finally:
        gc.enable()


async def test_a_request_that_is_over_does_not_expire_later(client, clock):
    with DeadlineSweeper(clock).over(client.receive, clock(), 0.001):
        pass

    await asyncio.sleep(0.005)  # the loop's own timer is what this is about


@pytest.mark.usefixtures("at_once")
async def test_only_late_requests_are_listened_to(client, clock):
    sweeper = DeadlineSweeper(clock)

    with sweeper.over(client.receive, clock(), 60.0) as old, sweeper.over(client.receive, clock() + LATE, 60.0) as new:
        old.listen()
        new.listen()
        clock.tick(LATE)
        await a_few_turns()

    assert client.listened_to == 1


@pytest.mark.usefixtures("at_once")
async def test_a_request_is_late_from_that_moment_on(client, clock):
    clock.now = LATE

    with DeadlineSweeper(clock).over(client.receive, 0.0, 60.0) as deadline:
        deadline.listen()
        await a_few_turns()

    assert client.listened_to == 1


@pytest.mark.usefixtures("at_once")
async def test_a_request_that_is_not_late_at_one_sweep_is_found_by_a_later_one(client, clock):
    with DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
        deadline.listen()
        await a_few_turns()
        clock.tick(LATE)
        await a_few_turns()

    assert client.listened_to == 1


@pytest.mark.usefixtures("at_once")
async def test_sweeps_end_with_the_last_request_and_begin_with_the_next(client, clock):
    sweeper = DeadlineSweeper(clock)
    with sweeper.over(client.receive, clock(), 60.0):
        pass
    await a_few_turns()
    rested = sweeper._next_sweep is None

    with sweeper.over(client.receive, clock(), 60.0):
        assert (rested, sweeper._next_sweep is not None) == (True, True)


async def test_one_sweep_is_for_all(client, clock):
    sweeper = DeadlineSweeper(clock)

    with sweeper.over(client.receive, clock(), 60.0):
        planned = sweeper._next_sweep
        with sweeper.over(client.receive, clock(), 60.0):
            assert sweeper._next_sweep is planned


async def test_the_first_reason_to_end_is_the_one_that_is_told(client, clock):
    with pytest.raises(ClientGone), DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
        deadline._interrupt(ClientGone())
        deadline._expire()
        await for_ever()


async def test_a_shutdown_stays_a_cancellation(client, clock):
    async def request():
        with DeadlineSweeper(clock).over(client.receive, clock(), 60.0):
            await for_ever()

    serving = asyncio.create_task(request())
    await a_few_turns()
    serving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_a_shutdown_during_an_expiry_stays_a_cancellation(client, clock):
    async def request():
        with DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
            deadline._expire()
            serving.cancel()
            await for_ever()

    serving = asyncio.create_task(request())

    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_an_error_of_the_work_itself_is_not_hidden(client, clock):
    with pytest.raises(ZeroDivisionError), DeadlineSweeper(clock).over(client.receive, clock(), 60.0) as deadline:
        deadline._reason = ClientGone()
        raise ZeroDivisionError
