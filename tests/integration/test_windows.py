"""A fixed window, with real processes: it is held open, and a full batch does not wait for its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.kit.oracle import check_answers
from tests.faults.kit.traffic import Call, ask
from tests.integration.stack import Stack, stack

MAX_WAIT, SIZE, TOKENS = 8.0, 8, 40
SOON = 0.3  # seconds on a busy machine; a quarter of the window is two


@pytest.fixture
def system() -> Iterator[Stack]:
    with stack(
        ("synthetic:1ms",), policy="fixed", max_wait=MAX_WAIT, max_batch_size=SIZE, max_batch_tokens=TOKENS
    ) as made:
        yield made


class Asking:
    """Requests that wait for company."""

    def __init__(self, system: Stack, texts: list[str]) -> None:
        self.calls: list[Call] = []
        self._thread = threading.Thread(target=lambda: self.calls.extend(ask(system.urls, texts=texts)))
        self._thread.start()

    def ended(self) -> list[Call]:
        self._thread.join()
        return self.calls


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param([f"{number}" for number in range(SIZE - 1)], "last", id="by jobs"),
        pytest.param(["thirty" + " words" * 29], "ten" + " more" * 9, id="by tokens"),
    ],
)
def test_a_batch_that_becomes_full_within_a_long_window_leaves_at_once(
    system: Stack, first: list[str], last: str
) -> None:
    early = Asking(system, first)
    system.until(lambda: depth(system) == len(first), "they wait for company")
    time.sleep(1.0)

    [late] = ask(system.urls, texts=[last])

    check_answers([late, *early.ended()])
    assert late.seconds < SOON


def test_two_idle_batchers_take_two_full_batches_within_a_long_window(system: Stack) -> None:
    system.start_batcher("synthetic:1ms")

    calls = ask(system.urls, texts=[f"{number}" for number in range(2 * SIZE)])

    check_answers(calls)
    assert max(call.seconds for call in calls) < 3 * SOON


def test_a_lone_job_waits_until_the_window_closes_and_not_longer(system: Stack) -> None:
    [call] = ask(system.urls)

    check_answers([call])
    assert MAX_WAIT <= call.seconds <= MAX_WAIT + SOON


def depth(system: Stack) -> int:
    return sum(system.redis.llen(key) for key in system.redis.scan_iter("*:q:*"))
