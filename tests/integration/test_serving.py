"""The spine on real processes: HTTP → broker → batcher and back, with the synthetic model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from broker.keys import Keys
from tests.integration.processes import Process, Reply
from tests.integration.stack import NAMESPACE, Stack, stack
from tests.waiting import until
from tests.webhook_receiver import LOOPBACK, SECRET, local_receiver

PATH = "/models/synthetic"
ID = "order-7"
NAMED = {"X-Request-ID": ID}


def body(*texts: str) -> dict[str, Any]:
    return {"payload": {"records": [{"id": at, "text": text} for at, text in enumerate(texts)]}}


def texts(reply: Reply) -> list[str]:
    return [record["text"] for record in reply.json()["result"]]


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with stack(models=["synthetic:10ms+0.1ms,faults=on"]) as made:
        yield made


def test_two_hundred_concurrent_clients_each_get_their_own_answer(system: Stack) -> None:
    asked = [f"nonce {number}" for number in range(200)]

    with ThreadPoolExecutor(200) as clients:
        replies = list(clients.map(lambda text: system.post(PATH, body(text)), asked))

    assert [texts(reply) for reply in replies] == [[text[::-1]] for text in asked]


def test_an_impossible_record_fails_alone_and_the_other_fifteen_are_answered(system: Stack) -> None:
    asked = [f"text {number}" for number in range(15)] + ["!raise"]

    reply = system.post(PATH, body(*asked))

    *answered, failed = reply.json()["result"]
    assert reply.status == 200
    assert [record["text"] for record in answered] == [text[::-1] for text in asked[:15]]
    assert failed["id"] == 15
    assert failed["error"]["code"] == "model_error"


def test_a_model_with_too_few_outputs_fails_that_batch_only(system: Stack) -> None:
    short = system.post(PATH, body("!short"))

    after = system.post(PATH, body("abc"))

    assert (short.status, short.json()["code"]) == (500, "model_error")
    assert texts(after) == ["cba"]


def test_a_batch_that_does_not_fit_in_memory_is_split_and_answered(system: Stack) -> None:
    asked = ["!oom"] + [f"text {number}" for number in range(15)]

    reply = system.post(PATH, body(*asked))

    assert texts(reply) == [text[::-1] for text in asked]


def test_the_reply_says_where_the_time_went(system: Stack) -> None:
    reply = system.post(PATH, body("abc"))

    timing = reply.headers["server-timing"]
    assert all(f"{stage};dur=" in timing for stage in ("queue", "window", "compute", "return"))
    assert 'batch;desc="1"' in timing


def test_live_limits_are_taken_up_without_a_restart(system: Stack) -> None:
    key = Keys(NAMESPACE).limits("synthetic")
    system.redis.hset(key, mapping={"max_batch_size": 2, "version": 1})
    try:
        system.until(lambda: _largest_batch(system) <= 2, "batches have two jobs at the most")
    finally:
        system.redis.delete(key)
    system.until(lambda: _largest_batch(system) > 2, "the configured limits are back")


def _largest_batch(system: Stack) -> int:
    timing = system.post(PATH, body(*"abcdefgh")).headers["server-timing"]
    return int(timing.split('batch;desc="')[1].split('"')[0])


def test_metrics_tell_what_closed_the_batches(system: Stack) -> None:
    system.post(PATH, body("abc"))

    page = system.batchers[0].metrics()

    assert 'jitney_batches_total{closed_by="idle",model="synthetic"}' in page
    assert "jitney_batcher_busy_seconds_total" in page


def test_nothing_is_left_behind_once_all_is_answered(system: Stack) -> None:
    system.post(PATH, body(*"abcdef"))

    def leftovers() -> list[bytes]:
        keys: Any = system.redis.keys(f"{Keys(NAMESPACE).prefix}*")
        return [key for key in keys if any(part in key for part in (b":q:", b":lease:", b":leases:", b":suspect:"))]

    system.until(lambda: not leftovers(), "no queue, no lease and no suspect is left", within=5)


def test_two_batchers_share_one_list() -> None:
    spec = "synthetic:30ms+0ms"
    with stack(models=[spec, spec], max_batch_size=4) as system, ThreadPoolExecutor(32) as clients:
        replies = list(clients.map(lambda number: system.post(PATH, body(f"text {number}")), range(64)))

        batches = [_batches(batcher.metrics()) for batcher in system.batchers]

    assert [texts(reply) for reply in replies] == [[f"text {number}"[::-1]] for number in range(64)]
    assert min(batches) > 0


def _batches(page: str) -> float:
    rows = [line for line in page.splitlines() if line.startswith("jitney_batches_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in rows)


def test_two_front_ends_share_one_port_and_answer_their_own_clients() -> None:
    with stack(front_ends=1, reuse_port="on") as system:
        system.start_front_end(port=system.front_ends[0].port)
        with ThreadPoolExecutor(32) as clients:
            replies = list(clients.map(lambda number: system.post(PATH, body(f"text {number}")), range(100)))
        served = ['status="200"' in front_end.metrics() for front_end in system.front_ends]

    assert [texts(reply) for reply in replies] == [[f"text {number}"[::-1]] for number in range(100)]
    assert served == [True, True]


def test_a_batcher_killed_in_mid_batch_loses_nothing() -> None:
    with (
        stack(models=["synthetic:300ms+0ms"], lease=0.5, max_batch_size=8) as system,
        ThreadPoolExecutor(24) as clients,
    ):
        pending = [clients.submit(system.post, PATH, body(f"text {number}")) for number in range(24)]
        system.until(lambda: bool(_leases(system)), "a batch is claimed", within=5)

        system.batchers[0].kill()
        system.start_batcher("synthetic:300ms+0ms")

        replies = [future.result() for future in pending]

    assert [texts(reply) for reply in replies] == [[f"text {number}"[::-1]] for number in range(24)]


def _leases(system: Stack) -> list[bytes]:
    keys: Any = system.redis.keys(f"{Keys(NAMESPACE).prefix}lease:*")
    return list(keys)


def test_a_poison_input_is_set_aside_alone_and_its_batch_mates_are_answered() -> None:
    spec, hooks = "synthetic:20ms+0ms,faults=on", {"webhooks": "on", "webhook_allow": LOOPBACK}
    with stack(models=[spec], lease=0.3, webhook_secret=SECRET, **hooks) as system:
        with ThreadPoolExecutor(1) as clients:
            poisoned = clients.submit(system.post, PATH, body("a", "!exit", "b"), NAMED)
            while not poisoned.done():
                if system.batchers[-1].exit_code is not None:
                    system.start_batcher(spec)
                wait([poisoned], timeout=0.05)
        crashes = [batcher.exit_code for batcher in system.batchers].count(1)
        check_found_by_id(system)

    first, poison, last = poisoned.result().json()["result"]
    assert (first["text"], last["text"]) == ("a", "b")
    assert (poison["error"]["code"], crashes) == ("poison", 3)


def check_found_by_id(system: Stack) -> None:
    """Whoever has the id finds all that became of its requests: that one, one that fails, one that comes later."""
    with local_receiver(410) as receiver:
        failed = system.post(PATH, body("!raise"), NAMED)
        later = system.post(PATH, body("c"), {**NAMED, "Prefer": "respond-async", "Jitney-Webhook": receiver.url})
        assert (failed.status, later.status) == (500, 202)
        until(lambda: "webhook" in about(ID, *system.front_ends), "the webhook has failed", within=20.0)

    of_front_end, of_batchers = about(ID, *system.front_ends), about(ID, *system.batchers)
    assert of_front_end.keys() == {"records failed", "refused", "prediction ended", "webhook"}
    assert of_front_end["webhook"]["fate"] == "gone"
    assert of_front_end["records failed"]["codes"] == {"model_error": 1}  # the last such line
    assert of_batchers.keys() == {"batch", "job failed", "dead letter"}
    assert {of_batchers[event]["request_id"] for event in ("job failed", "dead letter")} == {ID}
    assert of_batchers["batch"]["requests"] == [ID]


def about(id: str, *children: Process) -> dict[str, Any]:
    """What `grep` finds in their logs: the last line of each event."""
    found = [json.loads(line) for child in children for line in child.stderr().splitlines() if f'"{id}"' in line]
    return {line["event"]: line for line in found}


def test_a_batcher_told_to_stop_finishes_what_it_runs() -> None:
    with stack(models=["synthetic:500ms+0ms"]) as system, ThreadPoolExecutor(1) as clients:
        pending = clients.submit(system.post, PATH, body("abc"))
        system.until(lambda: bool(_leases(system)), "the batch is claimed", within=5)

        code = system.batchers[0].stop()

        assert code == 0
        assert texts(pending.result()) == ["cba"]


def test_a_front_end_told_to_stop_answers_what_is_pending() -> None:
    with stack(models=["synthetic:500ms+0ms"]) as system, ThreadPoolExecutor(1) as clients:
        pending = clients.submit(system.post, PATH, body("abc"))
        system.until(lambda: bool(_leases(system)), "the batch is claimed", within=5)

        code = system.front_ends[0].stop()

        assert code == 0
        assert texts(pending.result()) == ["cba"]


def test_a_hung_model_ends_its_process() -> None:
    spec = "synthetic:1ms+0ms,faults=on"
    with stack(models=[spec], lease=0.3, max_step=0.6) as system, ThreadPoolExecutor(1) as clients:
        clients.submit(system.post, PATH, body("!hang"), {**NAMED, "X-Request-Timeout": "2"})

        code = system.batchers[0].wait(10)
        stalled = about(ID, *system.batchers)

    assert code == 70
    assert [line["requests"] for line in stalled.values()] == [[ID]]


def test_a_saturated_batcher_makes_two_trips_a_batch() -> None:
    with stack(models=["synthetic:10ms+0ms"], max_batch_size=64) as system, ThreadPoolExecutor(40) as clients:
        list(clients.map(lambda number: system.post(PATH, body(*["x"] * 64)), range(40)))
        system.redis.config_resetstat()
        before = _batches(system.batchers[0].metrics())
        list(clients.map(lambda number: system.post(PATH, body(*["x"] * 256)), range(40)))

        # Of 64 jobs at the most; the last one is counted when its answers have left.
        system.until(lambda: _batches(system.batchers[0].metrics()) - before >= 160, "all batches are counted")
        batches = _batches(system.batchers[0].metrics()) - before
        stats: Any = system.redis.info("commandstats")

    # One DRAIN and one FINISH for each, the latter's script inside its transaction; ADMIT comes on top, one for a whole
    # gathering of requests.
    finished, scripts = (stats[f"cmdstat_{name}"]["calls"] for name in ("exec", "evalsha"))
    assert finished <= 1.05 * batches
    assert scripts <= 2.1 * batches + 40


def test_a_poison_under_load_is_set_aside_alone_and_nobody_else_suffers() -> None:
    spec = "synthetic:20ms+0ms,faults=on"
    over = threading.Event()
    replies: list[Reply] = []

    def keep_asking(system: Stack, client: int) -> None:
        number = client
        while not over.is_set():
            replies.append(system.post(PATH, body(f"text {number}")))
            number += 1

    with stack(models=[spec], lease=0.5, max_batch_size=4) as system, ThreadPoolExecutor(13) as clients:
        others = [clients.submit(keep_asking, system, client) for client in range(12)]
        system.until(lambda: len(replies) > 50, "the card is busy")
        poisoned = clients.submit(system.post, PATH, body("!exit"))
        while not poisoned.done():
            if system.batchers[-1].exit_code is not None:
                system.start_batcher(spec)
            wait([poisoned], timeout=0.05)
        over.set()
        for other in others:
            other.result()
        crashes = [batcher.exit_code for batcher in system.batchers].count(1)

    assert poisoned.result().json()["code"] == "poison"
    assert {reply.status for reply in replies} == {200}
    assert crashes <= 4  # three that count, and one at most whose batch had not been told to have started
