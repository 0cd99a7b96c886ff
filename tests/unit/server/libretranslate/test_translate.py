"""POST /translate: what LibreTranslate's clients send, and what they read."""

from __future__ import annotations

from threading import get_ident
from typing import Any
from urllib.parse import urlencode

import pytest

from server.codecs.encoding import INLINE
from server.dialects.libretranslate import translate
from server.dialects.libretranslate.asked import asked
from tests.unit.server.libretranslate.translating import translating
from tests.unit.server.stand_in import card

pytestmark = pytest.mark.anyio

PATH = "/translate"
PAIR = {"source": "en", "target": "de"}
TEXT = {"content-type": "text/plain"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def test_a_text_comes_back_as_a_text_and_a_list_as_a_list():
    async with translating() as jitney:
        one = await jitney.client.post(PATH, json={"q": "hello you", **PAIR})
        many = await jitney.client.post(PATH, json={"q": ["hello", "", "you"], **PAIR})

        assert (one.status_code, one.json()) == (200, {"translatedText": "HELLO YOU"})
        assert many.json() == {"translatedText": ["HELLO", "", "YOU"]}
        assert one.headers["jitney-model"] == "m2m@r1"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"json": {"q": "a & b", **PAIR, "api_key": None}}, id="json"),
        pytest.param({"data": {"q": "a & b", **PAIR, "api_key": ""}}, id="form"),
        pytest.param({"params": {"q": "a & b", **PAIR, "format": "text", "api_key": "secret"}}, id="query alone"),
        pytest.param({"data": {"q": "a & b"}, "params": PAIR}, id="form and query"),
        pytest.param({"content": b'{"q":"a & b","source":"en","target":"de"}'}, id="json of no named type"),
        pytest.param({"content": b"?", "params": {"q": "a & b", **PAIR}, "headers": TEXT}, id="text and query"),
    ],
)
async def test_the_fields_come_in_every_way_that_clients_send_them(sent):
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, **sent)

        assert (answer.status_code, answer.json()) == (200, {"translatedText": "A & B"})


async def test_letters_of_a_form_are_utf_8():
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, content=urlencode({"q": "ä ü", **PAIR}), headers=FORM)

        assert answer.json() == {"translatedText": "Ä Ü"}


async def test_with_auto_each_text_says_its_language():
    async with translating() as jitney:
        one = await jitney.client.post(PATH, json={"q": "hello", "source": "auto", "target": "fr"})
        many = await jitney.client.post(PATH, json={"q": ["hello", "für", ":)"], "source": "AUTO", "target": "fr"})

        assert one.json() == {"translatedText": "HELLO", "detectedLanguage": {"confidence": 90, "language": "en"}}
        assert [one["language"] for one in many.json()["detectedLanguage"]] == ["en", "de", "en"]
        assert [one["confidence"] for one in many.json()["detectedLanguage"]] == [90, 90, 0]


@pytest.mark.parametrize(
    ("q", "wanted", "there"),
    [("a", 3, []), (["a", "b"], 3, [[], []]), ("a", "2", []), ("a", 0, None), ("a", None, None)],
)
async def test_alternatives_are_an_empty_list_where_any_are_asked_for(q, wanted, there):
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, json={"q": q, **PAIR, "alternatives": wanted})

        assert answer.json().get("alternatives") == there


@pytest.mark.parametrize(
    "said", ["zh", "ZH", "zh-Hans", "zh-hans", "pb", "PT-br", "pt", "nb", "no", "nb-NO", "iw", "fil", "en_US"]
)
async def test_every_spelling_of_a_language_is_taken(said):
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, json={"q": "x", "source": said, "target": said})

        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"q": None}, "Invalid request: missing q parameter"),
        ({"q": ""}, "Invalid request: missing q parameter"),
        ({"q": []}, "Invalid request: missing q parameter"),
        ({"source": None}, "Invalid request: missing source parameter"),
        ({"target": ""}, "Invalid request: missing target parameter"),
        ({"source": "xx"}, "xx is not supported"),
        ({"target": "zz"}, "zz is not supported"),
        ({"target": "zt"}, "zt is not supported"),
        ({"target": "zh-Hant"}, "zh-Hant is not supported"),
        ({"target": "auto"}, "auto is not supported"),
        ({"format": "pdf"}, "pdf format is not supported"),
        ({"alternatives": -1}, "Invalid request: alternatives parameter is not a number"),
        ({"alternatives": "many"}, "Invalid request: alternatives parameter is not a number"),
        ({"q": ["a", 5]}, "Invalid request: q must be a string or a list of strings"),
        ({"source": 5}, "Invalid request: source must be a string"),
    ],
)
async def test_what_is_wrong_is_said_in_the_words_that_clients_know(changes, error):
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, json={"q": "x", **PAIR, **changes})

        assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_more_texts_than_there_may_be_exceed_the_limit():
    async with translating(max_records=4) as jitney:
        most = await jitney.client.post(PATH, json={"q": ["x"] * 16, **PAIR})
        more = await jitney.client.post(PATH, json={"q": ["x"] * 17, **PAIR})

        assert len(most.json()["translatedText"]) == 16
        assert (more.status_code, "exceeds text limit (16)" in more.json()["error"]) == (400, True)


@pytest.mark.parametrize("prefer", ["", "respond-async, wait=10"])
async def test_a_large_text_behind_the_question_mark_is_read_beside_the_event_loop(monkeypatch, prefer):
    threads: list[int] = []
    monkeypatch.setattr(translate, "asked", lambda fields: threads.append(get_ident()) or asked(fields))
    async with translating() as jitney:
        text = "x" * INLINE
        answer = await jitney.client.post(PATH, params={"q": text, **PAIR}, headers={"prefer": prefer})

    assert answer.json() == {"translatedText": text.upper()}
    assert threads and get_ident() not in threads


async def test_an_answer_without_a_text_is_the_model_s_error():
    async with translating() as jitney:
        served = jitney.front_end.directory.served["m2m"]
        served.codec.decode = lambda plan, outputs: {"translation": "x"}  # type: ignore[method-assign]
        answer = await jitney.client.post(PATH, json={"q": "x", **PAIR})

    assert (answer.status_code, answer.json()["code"]) == (500, "model_error")


async def test_one_text_that_cannot_be_translated_refuses_the_request_before_any_is():
    async with translating() as jitney:
        answer = await jitney.client.post(PATH, json={"q": ["x", "impossible"], **PAIR})

        assert (answer.status_code, answer.json()["error"]) == (400, "this text is impossible")
        assert jitney.broker.jobs == []


async def test_a_model_that_names_no_languages_is_asked_as_it_is():
    async with translating(cards=[card("any", task="translation")]) as jitney:
        answer = await jitney.client.get("/languages")

        assert answer.json() == []


async def test_what_is_asked_of_the_codec_is_the_model_s_own_codes_and_the_format():
    seen: list[Any] = []
    async with translating() as jitney:
        served = jitney.front_end.directory.served["m2m"]
        checked = served.codec.check
        served.codec.check = lambda options: seen.append(dict(options)) or checked(options)  # type: ignore[method-assign]
        await jitney.client.post(PATH, json={"q": "<p>x</p>", "source": "nb-NO", "target": "pb", "format": "html"})

    assert seen == [{"fromLang": "no", "toLang": "pt", "format": "html"}]


def test_lines_of_a_form_end_as_those_of_a_text_do():
    assert asked({"q": "a\r\nb", **PAIR}).texts == ["a\nb"]
