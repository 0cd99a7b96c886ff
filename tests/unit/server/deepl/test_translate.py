"""POST /v2/translate: what DeepL's clients send, and what they read."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.unit.server.libretranslate.translating import translating

pytestmark = pytest.mark.anyio

PATH = "/v2/translate"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def row(text: str, language: str, length: int) -> dict[str, Any]:
    return {"detected_source_language": language, "text": text, "billed_characters": length}


async def test_each_text_has_its_translation_the_language_it_is_in_and_how_long_it_is():
    async with translating() as jitney:
        sent = {"text": ["hello you", "für", ":)"], "target_lang": "FR", "show_billed_characters": True}
        answer = await jitney.client.post(PATH, json=sent, headers={"authorization": "DeepL-Auth-Key k"})

        assert answer.status_code == 200
        assert answer.json() == {"translations": [row("HELLO YOU", "EN", 9), row("FÜR", "DE", 3), row(":)", "EN", 2)]}


async def test_an_answer_without_a_text_is_the_model_s_error():
    async with translating() as jitney:
        served = jitney.front_end.directory.served["m2m"]
        served.codec.decode = lambda plan, outputs: {"translation": "x"}  # type: ignore[method-assign]
        answer = await jitney.client.post(PATH, json={"text": ["x"], "target_lang": "FR"})

    assert (answer.status_code, answer.json()["code"]) == (400, "model_error")


async def test_a_form_says_text_as_often_as_there_are_texts():
    async with translating() as jitney:
        fields = [("text", "a"), ("text", "b & c"), ("target_lang", "NB"), ("source_lang", "PT")]
        answer = await jitney.client.post(PATH, content=urlencode(fields), headers=FORM)

        assert answer.json() == {"translations": [row("A", "PT", 1), row("B & C", "PT", 5)]}


@pytest.mark.parametrize("target", ["EN-GB", "EN-US", "PT-BR", "PT-PT", "ZH", "ZH-HANS", "NB", "ES-419", "de"])
async def test_targets_are_read_as_deepl_spells_them(target):
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, json={"text": ["x"], "source_lang": "EN", "target_lang": target})

        assert answer.status_code == (400 if target == "ES-419" else 200)


@pytest.mark.parametrize(("handling", "format"), [("html", "html"), ("xml", "html"), (None, "text"), ("", "text")])
async def test_tags_come_back_where_they_are_handled(handling, format):
    seen: list[Any] = []
    async with translating() as jitney:
        served = jitney.front_end.directory.served["m2m"]
        served.codec.check = lambda options: seen.append(options["format"])  # type: ignore[method-assign]
        sent = {"text": ["x"], "source_lang": "EN", "target_lang": "DE", "tag_handling": handling}
        await jitney.client.post(PATH, json=sent)

    assert seen == [format]


@pytest.mark.parametrize("said", [["Keep", "x"], "keep, x"])
async def test_what_is_inside_of_ignored_tags_comes_back_as_it_is(said):
    seen: list[Any] = []
    async with translating() as jitney:
        served = jitney.front_end.directory.served["m2m"]
        served.codec.check = lambda options: seen.append(options.get("ignoredTags"))  # type: ignore[method-assign]
        sent = {"text": ["x"], "source_lang": "EN", "target_lang": "DE", "ignore_tags": said}
        for handling in ("xml", None):
            await jitney.client.post(PATH, json=sent | {"tag_handling": handling})

    assert seen == [["keep", "x"], None]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_lang": "XX"}, "XX is not supported"),
        ({"target_lang": None}, "target_lang is missing"),
        ({"target_lang": 5}, "target_lang must be a string"),
        ({"text": []}, "text must be a list of one text or more"),
        ({"text": [5]}, "text must be a list of one text or more"),
        ({"text": None}, "text must be a list of one text or more"),
        ({"glossary_id": "g"}, "There are no glossaries here: leave glossary_id out."),
        ({"ignore_tags": {"a": 1}}, "ignore_tags must be a list of names"),
        ({"ignore_tags": [1]}, "ignore_tags must be a list of names"),
        ({"ignore_tags": {}}, "ignore_tags must be a list of names"),
        ({"ignore_tags": False}, "ignore_tags must be a list of names"),
        ({"tag_handling": "md"}, "tag_handling must be html or xml"),
        ({"text": ["x", "impossible"]}, "this text is impossible"),
    ],
)
async def test_what_is_wrong_is_said(changes, message):
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, json={"text": ["x"], "target_lang": "DE", **changes})

        assert (answer.status_code, answer.json()["message"]) == (400, message)


async def test_without_the_extra_a_language_has_to_be_named(monkeypatch):
    monkeypatch.setattr("server.dialects.deepl.translate.is_installed", lambda: False)
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, json={"text": ["x"], "target_lang": "DE"})

        assert (answer.status_code, "langid" in answer.json()["message"]) == (400, True)


ODD: list[Any] = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b"[" * 5000,
    b'{"text":' + b"[" * 5000,
    b'{"text":["\\ud800"],"target_lang":"DE"}',
    b'{"text":{"a":1},"target_lang":"DE"}',
    b'{"text":["x"],"target_lang":[]}',
    b'{"text":["x"],"target_lang":"DE","tag_handling":[]}',
    b'{"text":["x"],"target_lang":"DE","source_lang":{}}',
    b"text=%ff&target_lang=DE",
    b"text=" + b"&text=x" * 20_000,
]


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "", "text/plain"])
@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
async def test_odd_bodies_are_refused_and_never_crash(kind, body):
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, content=body, headers={"content-type": kind} if kind else {})

        assert answer.status_code == (415 if kind == "text/plain" else 400)
        assert answer.json()["message"]
