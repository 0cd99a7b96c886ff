"""Models of one's own: what they get wrong is told at load, and what they change is theirs alone."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from batcher.engines.batch import BatchEngine
from batcher.models.about import check_about
from batcher.models.contract import About
from batcher.models.custom.isolation import isolated
from batcher.models.custom.members import check_members
from batcher.models.errors import ModelSpecError
from broker.messages import FailureCode, Job
from tests.unit.server.codecs.pairs.toys import BACKWARDS, files


class Plain:
    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        return list(inputs)


async def later(inputs: Any) -> list[Any]:
    return []


async def one_by_one(inputs: Any) -> Any:
    yield 1


def generated(inputs: Any) -> Any:
    yield 1


class Called:
    async def __call__(self, inputs: Any) -> list[Any]:
        return []


def with_members(**members: Any) -> Any:
    model: Any = Plain()
    for name, value in members.items():
        setattr(model, name, value)
    return model


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"forward": later}, "its forward is async"),
        ({"forward": one_by_one}, "its forward is async"),
        ({"forward": Called()}, "its forward is async"),
        ({"forward": partial(later)}, "its forward is async"),
        ({"forward": generated}, "its forward is a generator"),
        ({"forward": "text"}, "no method forward"),
        ({"forward": lambda: []}, r"its forward must be callable as forward\(inputs\): too many positional"),
        ({"forward": lambda inputs, more: []}, r"callable as forward\(inputs\): missing a required argument: 'more'"),
        ({"forward": lambda inputs, *, key: []}, "missing a required argument: 'key'"),
        ({"cost": lambda: 1}, r"callable as cost\(input\)"),
        ({"cost": 3}, r"its cost is no method; cost\(input\) is"),
        ({"warm_up": later}, "its warm_up is async"),
        ({"warm_up": lambda inputs: None}, r"callable as warm_up\(\)"),
        ({"report_to": lambda: None}, r"callable as report_to\(progress\)"),
        ({"in_flight": lambda: None}, "callable as in_flight"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_a_method_that_could_not_be_called_is_told_at_load(members: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelSpecError, match=told):
        check_members(with_members(**members), "own:Model")


@pytest.mark.parametrize(
    "forward", [len, lambda inputs, more=1: [], lambda *args, **named: [], partial(lambda a, b: [], 1), Plain().forward]
)
def test_whatever_takes_the_inputs_is_a_forward(forward: Callable[..., Any]) -> None:
    check_members(with_members(forward=forward, cost=None, warm_up=None), "own:Model")


RECIPE = {"height": 2, "width": 2, "steps": []}
ASTRAY = {"height": 2, "width": 2, "steps": [["resize", 2, 2, 2], ["crop", 1, 2]]}
TOKENIZER = b'{"version": "1.0"}'


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"task": "x"}, "its about is a dict, not an About"),
        (None, "its about is a NoneType"),
        (About, "its about is a type"),
        (About(task=""), "about.task must be a word"),
        (About(task=3), "about.task must be a word"),
        (About(codec="json"), "about.codec must be m2m100, nllb, text, image, rerank, zero-shot or passthrough"),
        (About(max_cost=0), "about.max_cost must be a whole number of tokens"),
        (About(max_cost=2.5), "about.max_cost must be a whole number of tokens"),
        (About(labels="abc"), "about.labels must be a list of texts"),
        (About(labels=[1, 2]), "about.labels must be a list of texts"),
        (About(languages={"en": 1}), "about.languages must be a list of codes"),
        (About(files={"tokenizer.json": "text"}), "about.files must be bytes by file name"),
        (About(options={"f": print}), "about.options must be plain values by name"),
        (About(options=[1]), "about.options must be plain values by name"),
        (About(description=None), "about.description must be a text"),
        (About(description="\ud83d"), "about.description must be a text"),
        (About(codec="text"), "codec text needs tokenizer.json among its files"),
        (About(codec="text", files={"tokenizer.json": TOKENIZER}), "its tokenizer.json cannot be used"),
        (About(codec="image", labels=["x"]), "codec image needs options image"),
        (About(codec="image", options={"image": RECIPE}), "a classifier needs labels"),
        (About(codec="image", options={"image": RECIPE}, labels=["x"]), "steps that end with the height and width"),
        (About(codec="image", options={"image": ASTRAY}, labels=["x"]), "steps that end with the height and width"),
        (About(codec="rerank"), "codec rerank needs tokenizer.json among its files"),
        (About(codec="rerank", files=files(), max_cost=4), "leaves no room for two texts: 3 tokens frame them"),
        (About(codec="zero-shot", files=files(BACKWARDS)), "a template for pairs that is not served"),
        (About(codec="m2m100"), "codec m2m100 needs options language_ids"),
        (About(codec="nllb"), "codec nllb needs options language_ids"),
        (
            About(codec="nllb", options={"language_ids": {"x": 9}}, files={"tokenizer.json": b"{}"}),
            "its tokenizer.json cannot be used",
        ),
        (About(codec="nllb", options={"language_ids": {"x": 9}}), "codec nllb needs vocab.json among its files"),
        (
            About(codec="m2m100", languages=["en"], options={"language_ids": {"en": 9}}, files={"vocab.json": b"{}"}),
            "vocab.json is no object",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_about_that_no_card_can_be_made_of_is_told_at_load(about: Any, told: str) -> None:
    with pytest.raises(ModelSpecError, match=told):
        check_about(about, "own:Model")


def test_an_about_of_ones_own_is_taken() -> None:
    about = About(task="ner", labels=("a", "b"), options={"n": [1, {"x": 2.0}]}, revision="v1 of May", description="…")

    assert check_about(about, "own:Model") is about


class Scribbler:
    """Writes into its inputs, raises for one of them, and answers from one list that it keeps."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {"ids": []}

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        for row in inputs:
            row["ids"].append(0)
            row["more"]["x"] = 1
        if any(row["ids"][0] == 99 for row in inputs):
            raise ValueError
        self._answer["ids"][:] = [sum(row["ids"]) for row in inputs]
        return [self._answer] * len(inputs)


def test_what_a_model_writes_into_its_inputs_and_outputs_reaches_nobody() -> None:
    model: Any = Plain()
    model.forward = isolated(Scribbler().forward)
    engine = BatchEngine(model)
    inputs = [{"ids": array("i", [number]), "more": {}} for number in (1, 99, 3)]
    engine.admit([Job(id=str(n), front_end="f", input=row) for n, row in enumerate(inputs)])

    done = {one.job_id: one for one in engine.step()}

    assert inputs == [{"ids": array("i", [number]), "more": {}} for number in (1, 99, 3)]
    assert (done["0"].output, done["2"].output) == ({"ids": [1]}, {"ids": [3]})
    assert done["1"].failure is not None
    assert done["1"].failure.code is FailureCode.MODEL_ERROR
