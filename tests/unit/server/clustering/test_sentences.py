"""POST /cluster: a list of sentences in, a list of clusters out."""

from __future__ import annotations

import pytest

from tests.unit.server.clustering.angles import angles
from tests.unit.server.stand_in import told

pytestmark = pytest.mark.anyio


async def test_sentences_come_back_as_lists_of_those_that_are_alike():
    async with angles() as jitney:
        answer = await jitney.client.post("/cluster", json=["0", "100", "120", "110", "10"])

        assert (answer.status_code, answer.json()) == (200, [["100", "110", "120"], ["0", "10"]])


async def test_no_sentences_are_no_clusters():
    async with angles() as jitney:
        answer = await jitney.client.post("/cluster", json=[])

        assert (answer.status_code, answer.json()) == (200, [])


async def test_a_sentence_that_comes_twice_is_there_twice():
    async with angles() as jitney:
        assert (await jitney.client.post("/cluster", json=["5", "5"])).json() == [["5", "5"]]


async def test_a_sentence_that_has_no_vector_refuses_them_all():
    async with angles() as jitney:
        assert told(await jitney.client.post("/cluster", json=["0", "impossible"])) == (422, "invalid_input")


@pytest.mark.parametrize("body", ['{"sentences": []}', "[1]", '"0"', "null", "[[]]", "", "[", '["\\ud800"]'])
async def test_any_other_body_is_400(body):
    async with angles() as jitney:
        assert told(await jitney.client.post("/cluster", content=body)) == (400, "malformed")


async def test_more_sentences_than_may_be_grouped_are_413():
    async with angles(max_cluster_records=1) as jitney:
        assert told(await jitney.client.post("/cluster", json=["0", "1"])) == (413, "too_large")
