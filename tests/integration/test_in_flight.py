"""Jobs that join and leave between steps, on real processes: HTTP → broker → an in-flight engine and back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.keys import Keys
from tests.integration.in_flight_model import LOG, PATH, SPEC, steps
from tests.integration.processes import Process, Reply
from tests.integration.stack import NAMESPACE, Stack, stack
from tests.waiting import until

LEASE = 0.6  # seconds
SIZE = 32  # jobs in flight at the most


def body(*texts: str) -> dict[str, Any]:
    return {"payload": {"records": [{"id": text, "text": text} for text in texts]}}


@contextmanager
def asked(system: Stack, texts: Sequence[str]) -> Iterator[list[Future[Reply]]]:
    """Each text in a request of its own, all at once; after the block all are answered."""
    with ThreadPoolExecutor(len(texts)) as clients:
        yield [clients.submit(system.post, PATH, body(text)) for text in texts]


def is_right(reply: Reply, text: str) -> bool:
    return reply.status == 200 and bool(reply.json() == {"result": [{"id": text, "text": text[::-1]}]})


def leases(system: Stack, batcher: Process) -> list[str]:
    """Those that it holds; a batch is called after the process that claimed it."""
    found: Any = [key for key in system.redis.scan_iter("*:leases:*") for key in system.redis.zrange(key, 0, -1)]
    return [name.decode() for name in found if f"-{batcher.pid}-" in name.decode()]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    log = tmp_path_factory.mktemp("steps") / "log"
    with stack(models=[SPEC], lease=LEASE, max_batch_size=SIZE, **{LOG: log}) as made:
        yield made


def test_two_hundred_concurrent_clients_each_get_their_own_answer(system: Stack) -> None:
    texts = [f"{1 + number % 40} nonce {number}" for number in range(200)]

    with asked(system, texts) as replies:
        pass

    assert all(is_right(reply.result(), text) for reply, text in zip(replies, texts, strict=True))


def test_a_short_job_overtakes_a_long_one_that_was_there_before_it(system: Stack) -> None:
    with asked(system, ["150 long"]) as (long,):
        until(lambda: in_flight(system), "it is in flight")

        short = system.post(PATH, body("1 short"))

        assert is_right(short, "1 short")
        assert not long.done()
    assert is_right(long.result(), "150 long")


def test_outcomes_travel_together_and_every_lease_ends(system: Stack) -> None:
    texts = [f"{20 + number % 5} together {number}" for number in range(64)]
    before = finishes(system)

    with asked(system, texts):
        pass

    assert finishes(system) - before < len(texts) / 2
    until(lambda: not in_flight(system), "no lease is held")


def test_a_job_whose_client_has_gone_leaves_after_a_beat(system: Stack) -> None:
    log = Path(system.environ[LOG])

    with pytest.raises(TimeoutError):
        system.post(PATH, body("900 gone"), timeout=0.3)
    until(lambda: "900 gone" in steps(log)[-1] and not in_flight(system), "it is in flight no more", within=4.0)

    assert sum("900 gone" in texts for texts in steps(log)) < 400


def test_a_job_whose_deadline_passes_leaves_at_the_next_step(system: Stack) -> None:
    log = Path(system.environ[LOG])

    reply = system.post(PATH, body("900 late"), headers={"X-Request-Timeout": "0.5"})
    until(lambda: not in_flight(system), "it is in flight no more", within=2.0)

    assert reply.status == 504
    assert sum("900 late" in texts for texts in steps(log)) < 60


def test_a_page_of_metrics_says_how_many_jobs_are_in_flight(system: Stack) -> None:
    with asked(system, ["100 x"]):
        until(lambda: 'jitney_rows_in_flight{model="in-flight"} 1.0' in alive(system)[0].metrics(), "one is in flight")

    page = alive(system)[0].metrics()

    assert 'jitney_rows_in_flight{model="in-flight"} 0.0' in page
    assert 'jitney_batch_size_count{model="in-flight"} ' in page


def test_an_operator_makes_the_engine_larger_while_it_runs(system: Stack) -> None:
    log, limits = Path(system.environ[LOG]), Keys(NAMESPACE).limits("in-flight")
    texts = [f"60 large {number}" for number in range(48)]
    assert max(map(len, steps(log))) <= SIZE

    system.redis.hset(limits, "max_batch_size", 48)
    time.sleep(LEASE / 2)  # two beats
    with asked(system, texts):
        until(lambda: any(len(held) > SIZE for held in steps(log)), "more are in flight than before")
    system.redis.delete(limits)


def test_a_batcher_killed_in_mid_flight_costs_nobody_an_answer(system: Stack) -> None:
    texts = [f"{30 + number % 30} nonce {number}" for number in range(60)]
    victim = system.start_batcher(SPEC)

    with asked(system, texts) as replies:
        until(lambda: leases(system, victim), "it holds leases")
        time.sleep(0.1)
        victim.kill()
        assert leases(system, victim)

    assert all(is_right(reply.result(), text) for reply, text in zip(replies, texts, strict=True))


def test_a_batcher_told_to_stop_finishes_what_is_in_flight_and_nobody_fails(system: Stack) -> None:
    texts = [f"{30 + number % 30} nonce {number}" for number in range(60)]
    stopped = system.start_batcher(SPEC)

    with asked(system, texts) as replies:
        until(lambda: leases(system, stopped), "it holds leases")
        code = stopped.stop()
        held = leases(system, stopped)

    assert (code, held) == (0, [])
    assert all(is_right(reply.result(), text) for reply, text in zip(replies, texts, strict=True))
    assert not any(system.redis.scan_iter("*:suspect:*"))


def test_a_poison_fails_alone_and_those_that_flew_with_it_are_answered(system: Stack) -> None:
    texts, log = [f"25 beside {number}" for number in range(8)], Path(system.environ[LOG])

    with asked(system, texts) as replies:
        until(lambda: set(texts) <= set(steps(log)[-1]), "all of them are in flight")
        with asked(system, ["1 !exit"]) as (poison,):
            while not poison.done():
                if not alive(system):
                    system.start_batcher(SPEC)
                time.sleep(0.02)

    assert (poison.result().status, poison.result().json()["code"]) == (500, "poison")
    assert all(is_right(reply.result(), text) for reply, text in zip(replies, texts, strict=True))
    assert steps(log).count(["1 !exit"]) == 1  # the third time; before that it flew with others, and with suspects


def alive(system: Stack) -> list[Process]:
    return [batcher for batcher in system.batchers if batcher.exit_code is None]


def in_flight(system: Stack) -> bool:
    """Whether a lease is held."""
    return any(leases(system, batcher) for batcher in alive(system))


def finishes(system: Stack) -> int:
    """Transactions that the server has carried out: FINISH is the only one."""
    stats: Any = system.redis.info("commandstats")
    return int(stats.get("cmdstat_exec", {"calls": 0})["calls"])
