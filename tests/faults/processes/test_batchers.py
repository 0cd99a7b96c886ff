"""Batchers die, stop, hang and choke; every request is answered all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from tests.faults.kit.oracle import KEYS, check_answers, check_nothing_left, recovery
from tests.faults.kit.report import record
from tests.faults.kit.supervisor import Supervisor
from tests.faults.kit.traffic import PATH, traffic, wait_for_more
from tests.integration.processes import Process
from tests.integration.stack import Stack, stack
from tests.waiting import until

SPEC = "synthetic:50ms+1ms,faults=on"
LEASE = 0.6  # seconds
KILLS = 5
STALLED = 70  # exit status of a batcher whose model hung


@contextmanager
def pair(**settings: object) -> Iterator[tuple[Stack, Supervisor]]:
    """Two batchers of one model; whoever ends is started again."""
    settings = {"lease": LEASE, "max_batch_size": 32} | settings
    with stack(models=[SPEC, SPEC], **settings) as made, Supervisor(made, SPEC, 2).watching() as supervisor:
        yield made, supervisor


@pytest.fixture(scope="module")
def system_and_supervisor() -> Iterator[tuple[Stack, Supervisor]]:
    with pair() as both:
        yield both


@pytest.fixture
def system(system_and_supervisor: tuple[Stack, Supervisor]) -> Stack:
    return system_and_supervisor[0]


@pytest.fixture
def supervisor(system_and_supervisor: tuple[Stack, Supervisor]) -> Iterator[Supervisor]:
    system, supervisor = system_and_supervisor
    until(lambda: len(supervisor.alive()) == 2, "both batchers run", within=20.0)
    yield supervisor
    check_nothing_left(system)


# Killed


def test_batchers_killed_again_and_again_under_load_lose_nothing(system: Stack, supervisor: Supervisor) -> None:
    killed = []

    with traffic(system.urls, rate=80) as calls:
        for _ in range(KILLS):
            wait_for_more(calls, 40)
            victim, restarts = supervisor.alive()[0], supervisor.restarts
            killed.append(time.monotonic())
            victim.kill()
            until(lambda known=restarts: supervisor.restarts > known, "another one serves", within=20.0)
            # No sooner: a job in whose batch three batchers were killed is rightly taken for a poison.
            until(lambda dead=victim: is_passed_on(system, dead), "others have its jobs", within=10.0)

    check_answers(calls)
    ends = [*killed[1:], calls[-1].ended]
    felt = [recovery([one for one in calls if one.ended <= end], at) for at, end in zip(killed, ends, strict=True)]
    record("a batcher killed in mid-batch, another one alive", max(felt))


# Stopped


def test_late_outcomes_of_a_batcher_that_was_stopped_for_two_leases_harm_nobody(
    system: Stack, supervisor: Supervisor
) -> None:
    with traffic(system.urls, rate=60) as calls:
        wait_for_more(calls, 30)
        late = unclaimed(system)
        with stopped_in_mid_batch(system, supervisor.alive()[0]) as frozen:
            since = time.monotonic()
            until(lambda: is_passed_on(system, frozen), "others have its jobs", within=10.0)
            wait_for_more(calls, 60)
            felt = recovery(list(calls), since)
            time.sleep(max(0.0, since + 2 * LEASE - time.monotonic()))
        served = batches(frozen)
        until(lambda: batches(frozen) > served + 1, "it serves again", within=10.0)

    check_answers(calls)
    until(lambda: unclaimed(system) > late, "its late outcomes have arrived")
    record("a batcher stopped (SIGSTOP) in mid-batch, another one alive", felt)


def test_the_only_batcher_stopped_for_two_leases_answers_all_after_its_return() -> None:
    with stack(models=[SPEC], lease=LEASE) as system:
        with traffic(system.urls, rate=60) as calls:
            wait_for_more(calls, 30)
            with stopped_in_mid_batch(system, system.batchers[0]):
                time.sleep(2 * LEASE)
            since = time.monotonic()
            wait_for_more(calls, 60)

        check_answers(calls)
        check_nothing_left(system)
    record("the only batcher stopped (SIGSTOP) in mid-batch: after its return", recovery(calls, since))


@contextmanager
def stopped_in_mid_batch(system: Stack, batcher: Process) -> Iterator[Process]:
    """A batcher that stands still for the length of the block, and holds a lease."""
    for _ in range(100):
        batcher.pause()
        time.sleep(0.05)  # what it has sent already has its effect
        if leases(system, batcher):
            break
        batcher.resume()
        time.sleep(0.02)
    else:
        raise AssertionError("it was never in mid-batch")
    try:
        yield batcher
    finally:
        batcher.resume()


def leases(system: Stack, batcher: Process) -> list[bytes]:
    found: Any = system.redis.keys(f"{KEYS.prefix}lease:*-{batcher.pid}-*")
    return list(found)


def is_passed_on(system: Stack, batcher: Process) -> bool:
    """Nothing of what it had claimed waits for another one any more."""
    cards: Any = system.redis.hkeys(KEYS.cards)
    return not leases(system, batcher) and not system.redis.exists(*(KEYS.suspects(card.decode()) for card in cards))


def batches(batcher: Process) -> float:
    return total(batcher.metrics(), "jitney_batches_total{")


def unclaimed(system: Stack) -> float:
    return total(system.front_ends[0].metrics(), "jitney_outcomes_unclaimed_total ")


def total(page: str, row: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(row))


# Poisoned


@pytest.mark.parametrize("poisons", [1, 2])
def test_poisons_are_set_aside_alone_while_their_batch_mates_and_all_others_are_answered(
    system: Stack, supervisor: Supervisor, poisons: int
) -> None:
    texts = ["!exit"] * poisons + [f"mate {number}" for number in range(14)]
    crashes, letters = count_of(system, 1), dead_letters(system)

    with traffic(system.urls, rate=40) as calls:
        wait_for_more(calls, 20)
        since = time.monotonic()
        reply = system.post(PATH, body(texts), {"Cache-Control": "no-store"})
        ended = time.monotonic()

    *mates, codes = outcomes(reply.json(), poisons)
    assert mates == [text[::-1] for text in texts[poisons:]]
    assert codes == ["poison"] * poisons
    check_answers(calls)
    assert any(since < call.sent and call.ended < ended for call in calls), "nothing else was served meanwhile"
    assert dead_letters(system) - letters == poisons
    # Together, together once more, then each alone; and one at most whose batch was not known to have started.
    assert count_of(system, 1) - crashes <= 2 + poisons + 1
    record(f"{poisons} poison(s): until everybody else is served as before", recovery(calls, since))
    record(f"{poisons} poison(s): until set aside, and told so", ended - since)


def test_an_input_that_hangs_ends_each_process_at_its_bound_and_nobody_else_suffers() -> None:
    with pair(max_step=1.5) as (system, _):
        with traffic(system.urls, rate=40) as calls:
            wait_for_more(calls, 20)
            since = time.monotonic()
            reply = system.post(PATH, body(["!hang", "mate 1", "mate 2"]))
            ended = time.monotonic()

        *mates, codes = outcomes(reply.json(), 1)
        assert (mates, codes) == (["1 etam", "2 etam"], ["poison"])
        assert 3 <= count_of(system, STALLED) <= 4  # one more where the machine itself stood still
        check_answers(calls)
        check_nothing_left(system)
    record("an input that hangs (max_step 1.5 s): until everybody else is served as before", recovery(calls, since))
    record("an input that hangs (max_step 1.5 s): until set aside, and told so", ended - since)


def body(texts: Sequence[str]) -> dict[str, Any]:
    return {"payload": {"records": [{"id": at, "text": text} for at, text in enumerate(texts)]}}


def outcomes(answer: Any, poisons: int) -> list[Any]:
    """The texts of the others, and last the error codes of the poisons, which came first."""
    records = answer["result"]
    return [record.get("text") for record in records[poisons:]] + [
        [record["error"]["code"] for record in records[:poisons]]
    ]


def count_of(system: Stack, code: int) -> int:
    return [batcher.exit_code for batcher in system.batchers].count(code)


def dead_letters(system: Stack) -> int:
    cards: Any = system.redis.hkeys(KEYS.cards)
    return sum(system.redis.llen(KEYS.dead(card.decode())) for card in cards)
