"""A translation's glossary and format, as a request says them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.server.stand_in import ScriptedBroker, announced, card, running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "asked",
    [
        {"glossary": {"cart": "panier"}},
        {"glossary": ["cart"]},
        {"format": "html"},
        {"glossary": ["a"], "format": "text"},
    ],
)
async def test_glossary_and_format_reach_the_codec(asked: dict[str, Any]) -> None:
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", path="/translation", fromLang="en", toLang="ja", **asked)

        (row,) = answer.json()["result"]
        assert row["options"] == {"fromLang": "en", "toLang": "ja", **asked}


@pytest.mark.parametrize("asked", [{"glossary": None}, {"glossary": []}, {"glossary": {}}, {"format": None}])
async def test_none_of_them_is_as_if_nothing_was_said(asked: dict[str, Any]) -> None:
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", path="/translation", fromLang="en", toLang="ja", **asked)

        (row,) = answer.json()["result"]
        assert row["options"] == {"fromLang": "en", "toLang": "ja"}


@pytest.mark.parametrize(
    "asked", [{"glossary": "cart"}, {"glossary": {"cart": 1}}, {"glossary": [""]}, {"glossary": 1}, {"format": "xml"}]
)
async def test_what_is_no_glossary_or_no_format_is_malformed(asked: dict[str, Any]) -> None:
    async with running(ScriptedBroker([announced(card(task="translation"))])) as jitney:
        answer = await jitney.ask("life", path="/translation", fromLang="en", toLang="ja", **asked)

        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert next(iter(asked)) in answer.json()["detail"]
