"""libretranslatepy, LibreTranslate's own client: forms, also with GET, and one text at a time."""

from __future__ import annotations

import json
from urllib.error import HTTPError

import pytest
from libretranslatepy import LibreTranslateAPI

from tests.integration.clients.chocolates import CHOCOLATES, CHOCOLATES_DE
from tests.integration.stack import Stack


@pytest.fixture
def client(system: Stack) -> LibreTranslateAPI:
    return LibreTranslateAPI(f"{system.url}/", api_key="none")


def test_a_text_is_translated(client: LibreTranslateAPI) -> None:
    assert client.translate(CHOCOLATES, "en", "de") == CHOCOLATES_DE


def test_its_language_is_detected(client: LibreTranslateAPI) -> None:
    (best, *_) = client.detect("Guten Morgen, wie geht es dir heute?")

    assert best["language"] == "de"
    assert 0 < best["confidence"] <= 100


def test_languages_are_listed_though_it_sends_a_body_with_get(client: LibreTranslateAPI) -> None:
    found = {row["code"]: row for row in client.languages()}

    assert {"en", "de", "ja", "zh", "zh-Hans"} <= found.keys()
    assert found["de"]["name"] == "German"
    assert found["de"]["targets"] == list(found)


def test_a_language_that_there_is_not_is_told(client: LibreTranslateAPI) -> None:
    with pytest.raises(HTTPError) as told:
        client.translate("Hello!", "xx", "de")

    with told.value as answer:
        assert (answer.code, json.load(answer)["error"]) == (400, "xx is not supported")
