"""The client while real front ends are killed, paused and full."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jitney.client import AsyncJitney, Jitney, TimedOut, calls
from jitney.client.answers import Answer
from tests.integration.stack import Stack, stack

TEXTS = [f"text {at}" for at in range(400)]


@pytest.fixture(scope="module")
def synthetic() -> Iterator[Stack]:
    with stack(models=["synthetic:20ms+1ms"]) as made:
        yield made


def reversed_texts(answers: list[Answer]) -> list[str]:
    return [answer.raw["text"][::-1] for answer in answers]


def test_texts_that_are_under_way_when_a_front_end_is_killed_are_answered_by_its_successor(synthetic: Stack) -> None:
    victim = synthetic.front_ends[0]
    answers: list[Answer] = []

    with Jitney(victim.url) as client:
        for answer in client.many(lambda few: calls.ask("synthetic", few), TEXTS, window=64, per_request=8):
            answers.append(answer)
            if len(answers) == 40:
                victim.kill()
                synthetic.start_front_end(port=victim.port)

    assert reversed_texts(answers) == TEXTS


def test_a_front_end_that_stands_still_costs_the_time_of_the_call_and_answers_the_next(synthetic: Stack) -> None:
    front_end = synthetic.front_ends[-1]

    with Jitney(front_end.url) as client:
        client.ask("synthetic", "before")
        front_end.pause()
        try:
            with pytest.raises(TimedOut):
                client.with_options(timeout=0.5).ask("synthetic", "meanwhile")
        finally:
            front_end.resume()

        assert client.ask("synthetic", "after").raw["text"] == "retfa"


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    """Whose queue has room for 16 jobs."""
    with stack(models=["synthetic:50ms+0ms"], max_queue_jobs=16) as made:
        yield made


def test_a_lane_that_is_full_refuses_and_many_texts_get_through_all_the_same(small: Stack) -> None:
    with Jitney(small.url, timeout=50.0) as client:
        answers = list(client.many(lambda few: calls.ask("synthetic", few), TEXTS[:100], window=96, per_request=12))

    assert reversed_texts(answers) == TEXTS[:100]
    refused = [line for line in small.front_ends[0].metrics().splitlines() if 'status="429"' in line]
    assert refused, "nothing was refused, so nothing was shown"


@pytest.mark.anyio
async def test_the_client_of_asyncio_gets_many_through_as_well(small: Stack) -> None:
    def make(few: list[str]) -> calls.Call[list[Answer]]:
        return calls.ask("synthetic", few)

    async with AsyncJitney(small.url, timeout=50.0) as client:
        answers = [answer async for answer in client.many(make, TEXTS[:100], window=96, per_request=12)]

    assert reversed_texts(answers) == TEXTS[:100]
