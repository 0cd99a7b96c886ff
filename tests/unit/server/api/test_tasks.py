"""The table of tasks: each row has what every side needs of it."""

from __future__ import annotations

from base64 import b64decode

import pytest

from broker.common.tasks import ANY, IMAGE_CLASSIFICATION, RERANK, TASKS, TRANSLATION, task_of
from server.api.tasks import BODIES_OF_TASK
from server.dialects import native


def test_every_task_has_bodies_and_a_route() -> None:
    assert BODIES_OF_TASK.keys() == TASKS.keys()
    assert native.ROUTES.keys() == {*(task.path for task in TASKS.values()), ANY.path}


def test_a_task_that_is_not_in_the_table_is_reached_by_the_name_of_its_model() -> None:
    assert task_of("shouting").path.format(name="shout") == "/models/shout"


@pytest.mark.parametrize(
    ("languages", "pair"),
    [
        pytest.param([], ("en", "ja"), id="the example's own where none are known"),
        pytest.param(["de", "en", "ja"], ("en", "ja"), id="the example's own where the model has them"),
        pytest.param(["de", "fr", "ja"], ("de", "ja"), id="the model's first and last otherwise"),
        pytest.param(["de"], ("de", "de"), id="its only one"),
    ],
)
def test_the_example_is_in_languages_that_the_model_has(languages: list[str], pair: tuple[str, str]) -> None:
    payload = TRANSLATION.payload(languages)

    assert (payload["fromLang"], payload["toLang"]) == pair
    assert payload["records"] == [{"id": "123", "text": TRANSLATION.text}]


def test_the_example_of_a_task_of_pictures_has_one() -> None:
    (record,) = IMAGE_CLASSIFICATION.payload()["records"]

    assert record["id"] == "123"
    assert b64decode(record["image"], validate=True).startswith(b"\x89PNG")


def test_an_example_may_have_several_records() -> None:
    assert [record["id"] for record in RERANK.payload()["records"]] == ["123", "124"]


def test_an_example_is_nobody_else_s() -> None:
    TRANSLATION.payload()["fromLang"] = "xx"

    assert TRANSLATION.payload()["fromLang"] == "en"
