"""A rolling change to another revision of a model: ids never meet the wrong vocabulary."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.integration.processes import Reply
from tests.integration.stack import Stack, stack

OLD = "tests.integration.toy_vocabularies:Old"
NEW = "tests.integration.toy_vocabularies:New"


def ask(system: Stack, number: int) -> Reply:
    start = number % 40
    text = " ".join(f"word{word}" for word in range(start, start + 5))
    return system.post("/classification", {"payload": {"records": [{"id": 1, "text": text}]}})


def labels(replies: list[Reply]) -> set[Any]:
    return {
        record.get("label", str(record)) for reply in replies for record in reply.json().get("result", [reply.json()])
    }


def revision(system: Stack) -> str:
    """The one that new requests are encoded for."""
    (model,) = system.get("/v1/models").json()["models"]
    return str(model["revision"])


def test_a_rolling_update_under_load_mixes_no_vocabularies_and_fails_no_request() -> None:
    with stack(models=[]) as system:
        system.start_batcher(OLD, name="toy")
        system.wait_live(1)
        over, replies = threading.Event(), []

        def keep_asking(worker: int) -> None:
            number = worker
            while not over.is_set():
                replies.append(ask(system, number))
                number += 1

        with ThreadPoolExecutor(8) as clients:
            workers = [clients.submit(keep_asking, worker) for worker in range(8)]
            try:
                system.until(lambda: len(replies) > 100, "the old revision is under load")
                old = revision(system)
                system.start_batcher(NEW, name="toy")
                system.until(lambda: revision(system) != old, "the front end encodes for the new one", within=5)
                system.batchers[0].stop()
                seen = len(replies)
                system.until(lambda: len(replies) > seen + 100, "the new revision is under load")
            finally:
                over.set()
            for worker in workers:
                worker.result()

    assert {reply.status for reply in replies} == {200}
    assert labels(replies) == {"right"}


def test_requests_that_wait_for_a_dead_revision_are_encoded_anew_for_the_next() -> None:
    with stack(models=[]) as system, ThreadPoolExecutor(16) as clients:
        system.start_batcher(OLD, name="toy", lease=0.5)
        system.wait_live(1)
        system.batchers[0].pause()
        pending = [clients.submit(ask, system, number) for number in range(16)]
        # The paused batcher may hold those that came first, in one trip: the broker served its waiting claim.
        system.until(lambda: _waiting(system) + _held(system) == 16, "all are at the broker, for the old revision")

        system.batchers[0].kill()
        system.start_batcher(NEW, name="toy")

        replies = [future.result() for future in pending]

    assert {reply.status for reply in replies} == {200}
    assert labels(replies) == {"right"}


def _waiting(system: Stack) -> int:
    return sum(int(system.redis.llen(key)) for key in system.redis.keys("*:q:*"))  # type: ignore[arg-type, union-attr]


def _held(system: Stack) -> int:
    return sum(int(system.redis.hget(key, "#jobs") or 0) for key in system.redis.keys("*:held:*"))  # type: ignore[arg-type, union-attr]
