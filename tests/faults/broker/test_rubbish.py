"""What is no message of ours is found in the broker: whoever meets it answers what is good, and lives on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from broker.messages import Lane
from tests.faults.kit import oracle, rubbish
from tests.faults.kit.oracle import KEYS
from tests.faults.kit.traffic import Call, ask, traffic
from tests.integration.processes import Process
from tests.integration.stack import Stack, stack
from tests.waiting import until

RATE = 40.0  # requests a second while rubbish is about
MORE_MEMORY = 250 << 20  # bytes that a process may grow by: two claims of the worst that may be in a queue
MORE_LINES = 60  # that rubbish may add to a log, beside those of good work


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=["synthetic:2ms+0.2ms"], log_level="warning") as made:
        oracle.check_answers(ask(made.urls, 20))
        yield made


@pytest.fixture(autouse=True)
def nobody_is_harmed(system: Stack) -> Iterator[None]:
    processes: list[Process] = [*system.batchers, *system.front_ends]
    before = [(one.pid, memory(one), lines(one)) for one in processes]
    tracebacks = system.outputs().count("Traceback")

    yield

    oracle.check_nothing_left(system, within=20.0)
    for one, (pid, bytes_before, lines_before) in zip(processes, before, strict=True):
        assert (one.pid, one.exit_code) == (pid, None), one.stderr()
        assert memory(one) - bytes_before < MORE_MEMORY, f"{one.title} has grown by {memory(one) - bytes_before} bytes"
        assert lines(one) - lines_before < MORE_LINES, one.stderr()[-4_000:]
    assert system.outputs().count("Traceback") == tracebacks, system.outputs()[-6_000:]


def memory(process: Process) -> int:
    """Resident bytes."""
    with open(f"/proc/{process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def lines(process: Process) -> int:
    """What it has said, but for the one line that every refused request has."""
    return sum('"event": "refused"' not in line for line in process.stderr().splitlines())


def model(system: Stack) -> str:
    """The only one's ⟨m⟩."""
    (key,) = (key.decode() for key in system.redis.hkeys(KEYS.cards) if b"synthetic@" in key)
    return key


def front_end(system: Stack) -> str:
    (key,) = system.redis.keys(f"{KEYS.prefix}admit:*")
    return key.decode().rpartition(":")[2]


def good_work(
    system: Stack,
    act: Callable[[], object],
    undo: Callable[[], object] = lambda: None,
    *,
    seconds: float = 0.6,
    limit: int = 10,
) -> list[Call]:
    """Good requests all the while, and the fate of each."""
    with traffic(system.urls, rate=RATE, headers={"X-Request-Timeout": str(limit)}) as calls:
        time.sleep(0.1)
        act()
        time.sleep(seconds)
        undo()
    return calls


def push(system: Stack, key: str, junk: Iterator[bytes], at_once: int) -> None:
    while some := list(islice(junk, at_once)):
        system.redis.rpush(key, *some)


@pytest.mark.parametrize("what", list(rubbish.jobs()))
def test_rubbish_in_a_queue_harms_no_good_job_beside_it(system: Stack, what: str) -> None:
    queue, junk = KEYS.queue(model(system), Lane.INTERACTIVE), iter(rubbish.jobs()[what])

    calls = good_work(system, lambda: push(system, queue, junk, 100))

    oracle.check_answers(calls, errors={429} if what == rubbish.FILLS_A_LANE else ())
    until(lambda: not system.redis.exists(queue), "the queue is empty")


def test_a_heap_of_noise_is_cleared_away(system: Stack) -> None:
    queue, lump = KEYS.queue(model(system), Lane.BULK), [rubbish.noise(90) for _ in range(10_000)]

    calls = good_work(system, lambda: [system.redis.rpush(queue, *lump) for _ in range(10)])

    oracle.check_answers(calls)
    until(lambda: not system.redis.exists(queue), "the queue is empty")


def test_a_reply_list_full_of_rubbish_keeps_no_answer_back(system: Stack) -> None:
    reply, junk = KEYS.reply(front_end(system)), rubbish.frames(100_000)

    calls = good_work(system, lambda: push(system, reply, iter(junk), 1_000))

    oracle.check_answers(calls)
    until(lambda: not system.redis.exists(reply), "the reply list is empty")


def test_rubbish_among_the_cards_hides_no_model(system: Stack) -> None:
    names = {f"odd{number}@r": card for number, card in enumerate(rubbish.cards())}

    calls = good_work(system, lambda: system.redis.hset(KEYS.cards, mapping=dict(names)), seconds=2.0)
    system.redis.hdel(KEYS.cards, *names)

    oracle.check_answers(calls)


def test_rubbish_among_the_batchers_hides_none_and_counts_for_none(system: Stack) -> None:
    names = {f"odd{number}": entry for number, entry in enumerate(rubbish.presences(model(system)))}

    calls = good_work(system, lambda: system.redis.hset(KEYS.batchers, mapping=dict(names)), seconds=2.0)
    listed = system.get("/v1/models").json()["models"]
    system.redis.hdel(KEYS.batchers, *names)

    oracle.check_answers(calls)
    assert [one["batchers"] for one in listed if one["name"] == "synthetic"] == [1]


def test_what_nobody_beats_for_is_pruned_whatever_time_it_says(system: Stack) -> None:
    stamps = {"far": b"9" * 13, "nan": b"          nan", "none": b""}

    system.redis.hset(KEYS.batchers, mapping={name: stamp + b"m@r\nx" for name, stamp in stamps.items()})

    until(lambda: system.redis.hlen(KEYS.batchers) == 1, "only the batcher that beats is left")


def test_rubbish_in_single_keys_is_overwritten_or_ignored(system: Stack) -> None:
    key, mine = model(system), front_end(system)

    def spoil() -> None:
        system.redis.set(KEYS.admit(mine), b"\xff nonsense", px=60_000)
        system.redis.set(KEYS.tokens(key, Lane.INTERACTIVE), b"many", px=60_000)
        system.redis.set(KEYS.lane_bytes(key, Lane.INTERACTIVE), b"many", px=60_000)
        system.redis.rpush(KEYS.wake(key), *[b"\xff"] * 1_000)
        system.redis.rpush(KEYS.bell(mine), *[b"\xff"] * 1_000)
        system.redis.hset(KEYS.limits("synthetic"), mapping={"max_batch_size": "many", b"\xff": b"\xff"})
        system.redis.hset(KEYS.lease("odd"), mapping={"order": b"x" * 33, b"\xff": b"\xff", "staged": "?"})
        system.redis.zadd(KEYS.leases(key), {"odd": 1.0, b"\xff": 1.0, "none": 1.0})

    calls = good_work(system, spoil)
    system.redis.delete(KEYS.limits("synthetic"))

    oracle.check_answers(calls)


def test_an_epoch_that_is_no_word_is_taken_for_one(system: Stack) -> None:
    calls = good_work(system, lambda: system.redis.set(KEYS.epoch, b"\xff\xfe\x00"))

    oracle.check_answers(calls)


WRONG_TYPES: dict[str, Callable[[Stack], str]] = {
    "queue": lambda system: KEYS.queue(model(system), Lane.INTERACTIVE),
    "bulk queue": lambda system: KEYS.queue(model(system), Lane.BULK),
    "tokens": lambda system: KEYS.tokens(model(system), Lane.INTERACTIVE),
    "bytes": lambda system: KEYS.lane_bytes(model(system), Lane.INTERACTIVE),
    "suspects": lambda system: KEYS.suspects(model(system)),
    "wake": lambda system: KEYS.wake(model(system)),
    "leases": lambda system: KEYS.leases(model(system)),
    "dead letters": lambda system: KEYS.dead(model(system)),
    "reply": lambda system: KEYS.reply(front_end(system)),
    "bell": lambda system: KEYS.bell(front_end(system)),
    "admit": lambda system: KEYS.admit(front_end(system)),
    "limits": lambda system: KEYS.limits("synthetic"),
    "epoch": lambda system: KEYS.epoch,
    "cards": lambda system: KEYS.cards,
    "batchers": lambda system: KEYS.batchers,
}


# Without these a request cannot be queued, computed, answered or told from others: that costs it a definite error. What
# is amiss with the others harms no interactive request at all.
NEEDED = ("queue", "suspects", "leases", "reply", "epoch", "cards", "batchers")


@pytest.mark.parametrize("what", list(WRONG_TYPES))
def test_a_key_of_another_type_ends_nothing_and_all_is_well_once_it_is_deleted(system: Stack, what: str) -> None:
    key = WRONG_TYPES[what](system)

    def spoil() -> None:
        with system.redis.pipeline() as pipe:
            pipe.delete(key)
            pipe.sadd(key, b"a set is what nothing of ours is")
            pipe.execute()

    calls = good_work(system, spoil, lambda: system.redis.delete(key), seconds=1.5, limit=3)

    oracle.check_answers(calls, errors=(503, 504) if what in NEEDED else ())
    until(lambda: ask(system.urls)[0].status == 200, "requests are answered again", within=15.0)
