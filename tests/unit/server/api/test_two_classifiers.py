"""POST /classification: with labels it is a zero-shot model's, without them a classifier's."""

from __future__ import annotations

from threading import current_thread

import pytest

from server.codecs.pairs.zero_shot import ZeroShotCodec
from tests.unit.server.codecs.pairs import toys
from tests.unit.server.codecs.test_text import codec as text_codec
from tests.unit.server.stand_in import ScriptedBroker, WordCodec, announced, card, running, told

pytestmark = pytest.mark.anyio
PLAIN, NLI = card("plain", task="classification"), card("nli", task="zero-shot")


def both(**how):
    return running(ScriptedBroker([announced(PLAIN), announced(NLI)]), **how)


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        pytest.param({}, "plain@r1", id="no labels"),
        pytest.param({"labels": ["a"]}, "nli@r1", id="labels"),
        pytest.param({"labels": ["a"], "model": "nli"}, "nli@r1", id="labels and its name"),
    ],
)
async def test_labels_choose_the_default_model(fields, model):
    async with both() as jitney:
        answer = await jitney.ask("life", path="/classification", **fields)

        assert answer.headers["jitney-model"] == model


async def test_labels_and_what_goes_with_them_reach_the_codec():
    async with both() as jitney:
        asked = {"labels": ["a", "b"], "template": "It is {}.", "multiLabel": True}

        answer = await jitney.ask("life", path="/classification", topK=2, **asked)

        assert answer.json()["result"][0]["options"] == {"topK": 2, **asked}


def real(card, files):
    """The codecs that batchers' cards name."""
    return text_codec() if card.task == "classification" else ZeroShotCodec(toys.card("zero-shot"), toys.files())


@pytest.mark.parametrize("path", ["/classification", "/models/plain"])
@pytest.mark.parametrize("fields", [{"labels": ["one"]}, {"template": "{}"}, {"multiLabel": True}], ids=str)
async def test_a_classifier_with_labels_of_its_own_refuses_others(path, fields):
    async with both(make_codec=real) as jitney:
        answer = await jitney.ask("life", path=path, model="plain", **fields)

        assert told(answer) == (422, "invalid_input")
        assert "has labels of its own" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/classification", "/models/nli"])
async def test_a_zero_shot_model_asks_for_labels(path):
    async with both(make_codec=real) as jitney:
        answer = await jitney.ask("life", path=path, model="nli")

        assert told(answer) == (422, "invalid_input")
        assert "labels are missing" in answer.json()["detail"]


async def test_without_a_zero_shot_model_labels_have_nobody_to_answer():
    async with running(ScriptedBroker([announced(PLAIN)])) as jitney:
        answer = await jitney.ask("life", path="/classification", labels=["a"])

        assert told(answer) == (503, "no_batcher")
        assert "zero-shot" in answer.json()["detail"]


async def test_a_model_of_another_task_is_none_for_labels():
    async with running(ScriptedBroker([announced(card("space", task="embedding"))])) as jitney:
        answer = await jitney.ask("life", path="/classification", labels=["a"], model="space")

        assert told(answer) == (404, "unknown_model")
        assert "'space' is for embedding, not for zero-shot" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("texts", "labels", "in_a_thread"),
    [
        pytest.param(["a"], ["b"], False, id="a label"),
        pytest.param(["a"] * 40, None, False, id="no labels"),
        pytest.param(["a"] * 40, [str(number) for number in range(100)], True, id="a hundred for each of forty texts"),
    ],
)
async def test_much_work_of_a_small_body_is_done_in_a_thread(texts, labels, in_a_thread):
    threads = set()

    class Noting(WordCodec):
        def check(self, options):
            threads.add(current_thread())

    async with both(make_codec=Noting) as jitney:
        await jitney.ask(*texts, path="/classification", **({} if labels is None else {"labels": labels}))

        assert threads.isdisjoint({current_thread()}) == in_a_thread


async def test_the_document_names_the_models_of_both_tasks():
    async with both() as jitney:
        schemas = (await jitney.client.get("/openapi.json")).json()["components"]["schemas"]

        assert schemas["ClassificationPayload"]["properties"]["model"]["examples"] == ["nli", "plain"]
