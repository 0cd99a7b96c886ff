"""A batch that was staged behind another does harm as soon as it starts: what ended before it is not lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.kit.models import LOG, PAUSE, recorded
from tests.faults.kit.mortal import EXIT, HANG, SPEC
from tests.faults.kit.oracle import KEYS, check_nothing_left
from tests.faults.kit.proxied import held
from tests.faults.kit.report import record
from tests.faults.kit.sleeper import GATE
from tests.faults.kit.supervisor import Supervisor
from tests.faults.kit.traffic import PATH
from tests.integration.processes import Reply
from tests.integration.stack import Stack, stack
from tests.waiting import until

MATES = ["mate 1", "mate 2", "mate 3"]
FIRST = "first"
ANSWERS = [text[::-1] for text in MATES]


def test_a_poison_behind_a_batch_that_ended_takes_its_outcomes_along_and_they_are_computed_again(
    tmp_path: Path,
) -> None:
    with one_behind_the_other(tmp_path, EXIT) as (system, mates, poison):
        since = time.monotonic()
        assert texts(mates.result()) == ANSWERS
        felt = time.monotonic() - since
        assert poison.result().json()["code"] == "poison"

        check_nothing_left(system)
        times = Counter(text for batch in recorded(tmp_path / "log") for text in batch)
        assert all(times[text] == 2 for text in MATES), times
        assert [batcher.exit_code for batcher in system.batchers].count(1) == 3
    record("an input that kills at once, behind a batch that just ended (lease 1 s): until that one is answered", felt)


def test_a_batch_that_ended_is_answered_although_the_one_behind_it_hangs(tmp_path: Path) -> None:
    with one_behind_the_other(tmp_path, HANG) as (system, mates, hanging):
        assert texts(mates.result()) == ANSWERS
        assert not hanging.done()
        assert [batcher.exit_code for batcher in system.batchers] == [None]


@contextmanager
def one_behind_the_other(directory: Path, harm: str) -> Iterator[tuple[Stack, Future[Reply], Future[Reply]]]:
    """The batch of `MATES` goes on to its end with the one behind it claimed; a batcher that ends is started again."""
    first, second = directory / FIRST, directory / MATES[0]
    variables: dict[str, Any] = {GATE: directory, LOG: directory / "log", PAUSE: 0.1}
    with (
        ThreadPoolExecutor(3) as clients,
        stack([SPEC], lease=1.0, max_batch_size=len(MATES), **variables) as system,
    ):
        first.touch()
        second.touch()
        clients.submit(system.post, PATH, body([FIRST]))
        until(lambda: [FIRST] in recorded(directory / "log"), "a batch runs")
        mates = clients.submit(system.post, PATH, body(MATES))
        until(lambda: len(held(system.redis)) == 4, "the mates wait")
        last = clients.submit(system.post, PATH, body([harm]))
        until(lambda: len(held(system.redis)) == 5, "what does harm waits behind them")
        first.unlink()
        until(lambda: is_staged(system), "it is claimed while they run")
        with Supervisor(system, SPEC, 1).watching():
            second.unlink()
            yield system, mates, last


def is_staged(system: Stack) -> bool:
    leases = system.redis.keys(f"{KEYS.prefix}lease:*")
    return len(held(system.redis)) == 4 and len(leases) == 2


def body(texts: list[str]) -> dict[str, Any]:
    return {"payload": {"records": [{"id": text, "text": text} for text in texts]}}


def texts(reply: Reply) -> list[str]:
    return [record["text"] for record in reply.json()["result"]]
