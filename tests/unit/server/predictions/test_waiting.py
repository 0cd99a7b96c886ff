"""Who waits for which prediction, and what ends that."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.predictions.contract import Prediction, State
from server.predictions.waiting import Waiting

pytestmark = pytest.mark.anyio
LONG = 3_600.0  # seconds
TIMES = {"created": 0.0, "started": 0.0, "finished": None, "deadline": LONG, "expires": LONG, "now": 0.0}
COUNTS = {"size": 1, "records": 9, "done": 2, "failed": 0}
OPEN = Prediction(id="one", state=State.RUNNING, owner="me", request=b"", **COUNTS, **TIMES)
FURTHER, ENDED = replace(OPEN, done=3), replace(OPEN, state=State.CANCELED)


async def told(waiting: Waiting, *notes: Prediction | None) -> list[bool]:
    """Whether who waits for its end, and who waits for more than is known, has been told so."""
    tasks = [
        asyncio.create_task(waiting.until_ended("one", LONG)),
        asyncio.create_task(waiting.until_changed(OPEN, LONG)),
    ]
    await asyncio.sleep(0)
    for found in notes:
        waiting.note("one", found)
    for _ in range(5):
        await asyncio.sleep(0)
    done = [task.done() for task in tasks]
    waiting.end()
    await asyncio.gather(*tasks)
    return done


@pytest.mark.parametrize(
    ("found", "is_told"),
    [
        pytest.param(OPEN, [False, False], id="nothing has changed"),
        pytest.param(FURTHER, [False, True], id="it has come further"),
        pytest.param(ENDED, [True, True], id="it has ended"),
        pytest.param(None, [True, True], id="it is gone"),
    ],
)
async def test_each_is_told_of_what_it_waits_for(found: Prediction | None, is_told: list[bool]):
    waiting = Waiting()

    assert await told(waiting, found) == is_told
    assert list(waiting.ids(())) == []


async def test_of_what_runs_here_only_followers_have_to_look():
    waiting = Waiting()
    end = asyncio.create_task(waiting.until_ended("one", LONG))
    await asyncio.sleep(0)
    before = list(waiting.ids({"one"})), list(waiting.ids(()))
    follower = asyncio.create_task(waiting.until_changed(OPEN, LONG))
    await asyncio.sleep(0)
    after = list(waiting.ids({"one"}))

    waiting.note_end("one")
    await end

    assert (before, after) == (([], ["one"]), ["one"])
    assert not follower.done()
    waiting.end()
    assert await follower == OPEN
