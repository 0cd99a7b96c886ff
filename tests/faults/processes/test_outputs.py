"""The reader of the logs may go away or fall asleep: requests go on, and SIGTERM still ends all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.faults.kit.traffic import PATH
from tests.integration.stack import Stack, stack

GOOD = {"payload": {"records": [{"id": "1", "text": "ab"}]}}
BAD = {"payload": {"records": [{"id": "1"}]}}  # a refusal is a line in the log
SPEC = "synthetic:1ms+0ms"


@contextmanager
def logging_into_pipes(break_them: Callable[[list[int]], None]) -> Iterator[Stack]:
    """A front end and a batcher that are ready, whose outputs' reader has then done this."""
    with stack([], 0, drain_seconds=0) as system:
        paths = [system.directory / name for name in ("batcher-1.log", "front-end-1.log")]
        readers = []
        for path in paths:
            os.mkfifo(path)
            readers.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        system.start_batcher(SPEC)
        front_end = system.start_front_end()
        system.wait_live()
        break_them(readers)
        for path in paths:  # for whoever wants to read what was said
            path.unlink()
            path.write_text("(went into a pipe)")
        assert front_end.exit_code is None
        yield system


def go_away(readers: list[int]) -> None:
    for reader in readers:
        os.close(reader)


def fall_asleep(readers: list[int]) -> None:
    """Never read: the pipes fill up."""


@pytest.mark.parametrize("break_them", [go_away, fall_asleep])
def test_a_reader_that_is_gone_or_asleep_holds_up_no_request_and_no_end(
    break_them: Callable[[list[int]], None],
) -> None:
    with logging_into_pipes(break_them) as system:
        refused = {system.post(PATH, BAD).status for _ in range(500)}
        answered = [system.post(PATH, GOOD).status for _ in range(100)]
        health = system.get("/livez").status
        started = time.monotonic()
        codes = [system.front_ends[0].stop(timeout=10.0), system.batchers[0].stop(timeout=10.0)]
        took = time.monotonic() - started

    assert refused == {400}
    assert answered == [200] * 100 and health == 200
    assert codes == [0, 0] and took < 10.0
