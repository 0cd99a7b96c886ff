"""Starlette that batches in its own process: the rival that a broker has to be measured against."""

from __future__ import annotations

import asyncio
import threading

import httpx2
import pytest

from benchmarks.lib.envelope import TEXT, envelope
from benchmarks.lib.models import forward_of
from benchmarks.load.sending import beside
from benchmarks.spine.batching import Batching, batching_app

pytestmark = pytest.mark.anyio


def reverse(texts):
    return [text[::-1] for text in texts]


def refuse(texts):
    raise RuntimeError("no")


async def test_what_waits_together_is_computed_together():
    batching = Batching(reverse, 64)

    async with beside(batching.run()):
        answers = await batching.compute(["ab", "cd", "ef"])

    assert [(one.output, one.jobs) for one in answers] == [("ba", 3), ("dc", 3), ("fe", 3)]


async def test_no_batch_is_larger_than_it_may_be():
    batching = Batching(reverse, 2)

    async with beside(batching.run()):
        answers = await batching.compute(["ab", "cd", "ef"])

    assert [one.jobs for one in answers] == [2, 2, 1]


async def test_all_of_a_batch_learn_that_the_model_failed_and_the_next_one_is_computed():
    refusals = iter([refuse, reverse])
    batching = Batching(lambda texts: next(refusals)(texts), 64)

    async with beside(batching.run()):
        with pytest.raises(RuntimeError, match="no"):
            await batching.compute(["ab"])
        answers = await batching.compute(["ab"])

    assert [one.output for one in answers] == ["ba"]


async def test_who_hangs_up_costs_the_others_nothing():
    began, go = threading.Event(), threading.Event()
    batching = Batching(lambda texts: began.set() or (go.wait() and reverse(texts)), 64)

    async with beside(batching.run()):
        gone, stays = (asyncio.create_task(batching.compute([text])) for text in ("ab", "cd"))
        await asyncio.to_thread(began.wait)
        gone.cancel()
        await asyncio.wait([gone])
        go.set()
        answers = await asyncio.wait_for(stays, 10.0)

    assert [one.output for one in answers] == ["dc"]


async def test_it_answers_in_the_shape_of_the_bare_server_and_tells_the_size_of_the_batch():
    app = batching_app("synthetic:0ms+0ms", 64)

    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://bare") as client,
    ):
        reply = await client.post("/models/any", content=envelope([TEXT] * 2))

    assert [(record["id"], record["text"]) for record in reply.json()["result"]] == [
        ("0", TEXT[::-1]),
        ("1", TEXT[::-1]),
    ]
    assert reply.headers["Server-Timing"] == 'batch;desc="2"'


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param("synthetic:never", "'never' is not a duration", id="a synthetic one that takes no time of ours"),
        pytest.param("nowhere:Model", "there is no module nowhere", id="a class that is not there"),
        pytest.param(
            "tests.integration.toy_embedders:Zebra",
            "takes no texts as they are",
            id="one whose codec makes token ids of texts",
        ),
    ],
)
def test_a_spec_that_names_no_model_of_texts_is_refused(spec, said):
    with pytest.raises(ValueError, match=said):
        forward_of(spec)
