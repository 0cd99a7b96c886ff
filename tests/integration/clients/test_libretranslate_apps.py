"""Requests as applications send them that speak LibreTranslate: Weblate, Mastodon, Discourse, SearXNG."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.clients.chocolates import CHOCOLATES, CHOCOLATES_DE
from tests.integration.full_lane import full_lane
from tests.integration.stack import Stack, stack


@pytest.fixture
def http(system: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=system.url, timeout=20) as made:
        yield made


def test_weblate_tries_a_word_when_it_is_set_up_and_then_sends_lists(http: httpx2.Client) -> None:
    codes = {row["code"] for row in http.get("/languages").raise_for_status().json()}
    asked = {"api_key": "", "q": ["test", CHOCOLATES], "source": "en", "target": "de"}
    answer = http.post("/translate", json=asked)

    assert {"en", "de"} <= codes
    assert answer.status_code == 200
    assert [type(text) for text in answer.json()["translatedText"]] == [str, str]
    assert answer.json()["translatedText"][1] == CHOCOLATES_DE


def weblate(system: Stack) -> httpx2.Response:
    """What it sends, with a timeout of its own."""
    asked = {"api_key": "", "q": ["test", "box"], "source": "en", "target": "ja"}
    return httpx2.post(f"{system.url}/translate", json=asked, timeout=20)


def test_weblate_is_told_of_a_full_lane_by_a_429_with_an_error(tmp_path: Path) -> None:
    body = {"q": "box", "source": "en", "target": "ja"}
    with full_lane("GatedShout", tmp_path / "gate", "/translate", body) as system:
        answer = weblate(system)

    assert answer.status_code == 429
    assert answer.json()["error"].startswith("Slowdown: ")


# It asks nothing more for half an hour once it has seen a 503.
@pytest.mark.parametrize("gone", ["no_batcher", "broker_unavailable"])
def test_weblate_is_told_by_a_500_that_something_is_away(gone: str) -> None:
    with stack(["tests.integration.clients.models:Shout"]) as system:
        before = weblate(system)
        if gone == "no_batcher":
            system.batchers[0].kill()
            system.until(lambda: live(system) == 0, "the front end counts on no batcher")
        else:
            os.kill(system.broker.pid or 0, signal.SIGKILL)
        after = weblate(system)

    assert before.json()["translatedText"] == ["TEST", "BOX"]
    assert (after.status_code, after.json()["code"]) == (500, gone)
    assert after.json()["error"]


def live(system: Stack) -> int:
    return sum(model["batchers"] for model in system.get("/v1/models").json()["models"])


def test_mastodon_gets_its_markup_and_its_emoji_back(http: httpx2.Client) -> None:
    post = '<p>Good morning <span translate="no">:cat:</span> <a href="https://u.test/?a=1&amp;b=2">everyone</a></p>'
    asked = {"q": [post, ""], "source": "auto", "target": "de", "format": "html", "api_key": None}
    answer = http.post("/translate", json=asked).raise_for_status().json()

    translated, empty = answer["translatedText"]
    assert empty == ""
    assert translated.startswith("<p>") and translated.endswith("</p>")
    assert '<span translate="no">:cat:</span>' in translated
    assert '<a href="https://u.test/?a=1&amp;b=2">' in translated
    assert [type(found["language"]) for found in answer["detectedLanguage"]] == [str, str]
    assert answer["detectedLanguage"][0]["language"] == "en"


def test_mastodon_finds_targets_with_every_language(http: httpx2.Client) -> None:
    rows = http.get("/languages").raise_for_status().json()

    assert all("de" in row["targets"] for row in rows)


def test_discourse_sends_forms_in_html(http: httpx2.Client) -> None:
    form = {"q": "<p>Guten Morgen, wie geht es dir?</p>", "format": "html", "api_key": ""}
    detected = http.post("/detect", data=form).raise_for_status().json()
    answer = http.post("/translate", data=form | {"source": "de", "target": "en"}).raise_for_status().json()

    assert detected[0]["language"] == "de"
    assert answer["translatedText"].startswith("<p>")


def test_a_web_page_sends_its_form_in_parts(http: httpx2.Client) -> None:
    form = {"q": CHOCOLATES, "source": "auto", "target": "de", "format": "text", "api_key": ""}
    sent = {name: (None, text) for name, text in form.items()}  # as FormData, and as PHP's curl sends an array
    answer = http.post("/translate", files=sent)

    assert answer.request.headers["content-type"].startswith("multipart/form-data")
    assert answer.raise_for_status().json()["translatedText"] == CHOCOLATES_DE
    assert http.post("/detect", files=sent).raise_for_status().json()[0]["language"] == "en"


def test_searxng_always_asks_for_alternatives(http: httpx2.Client) -> None:
    asked = {"q": CHOCOLATES, "source": "en", "target": "de", "alternatives": 3}
    answer = http.post("/translate", json=asked).raise_for_status().json()

    assert answer == {"translatedText": CHOCOLATES_DE, "alternatives": []}


def test_settings_and_health_are_there(http: httpx2.Client) -> None:
    assert http.get("/frontend/settings").json()["charLimit"] == -1
    assert http.get("/health").json() == {"status": "ok"}


def test_three_hundred_texts_are_answered_all(http: httpx2.Client) -> None:
    asked = {"q": ["Thank you!"] * 300, "source": "en", "target": "fr"}

    assert len(set(http.post("/translate", json=asked).raise_for_status().json()["translatedText"])) == 1
