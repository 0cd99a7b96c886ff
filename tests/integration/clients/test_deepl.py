"""deepl, DeepL's own client for Python, against real processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import deepl
import pytest
from deepl import http_client

from tests.integration.clients.chocolates import CHOCOLATES, CHOCOLATES_DE
from tests.integration.stack import Stack


@pytest.fixture
def client(system: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[deepl.DeepLClient]:
    monkeypatch.setattr(http_client, "max_network_retries", 0)
    with closing(deepl.DeepLClient("none", server_url=system.url)) as made:
        yield made


def test_a_text_is_translated(client: deepl.DeepLClient) -> None:
    found = client.translate_text(CHOCOLATES, target_lang="DE")

    assert isinstance(found, deepl.TextResult)
    assert (found.text, found.detected_source_lang, found.billed_characters) == (CHOCOLATES_DE, "EN", len(CHOCOLATES))


def test_texts_come_back_in_their_order(client: deepl.DeepLClient) -> None:
    found = client.translate_text(["Thank you!", CHOCOLATES], source_lang="EN", target_lang="DE")

    assert isinstance(found, list)
    assert [one.detected_source_lang for one in found] == ["EN", "EN"]
    assert found[1].text == CHOCOLATES_DE


def test_tags_come_back(client: deepl.DeepLClient) -> None:
    found = client.translate_text(f"<p>{CHOCOLATES}</p>", source_lang="EN", target_lang="DE", tag_handling="html")

    assert str(found) == f"<p>{CHOCOLATES_DE}</p>"


def test_placeholders_as_weblate_writes_them_come_back(client: deepl.DeepLClient) -> None:
    text = f'{CHOCOLATES} <x id="7"></x> &amp; <x id="9"></x>!'
    found = client.translate_text(text, source_lang="EN", target_lang="DE", tag_handling="xml", ignore_tags=["x"])

    assert str(found).startswith(CHOCOLATES_DE)
    assert '<x id="7"></x>' in str(found) and '<x id="9"></x>' in str(found)


def test_what_stands_in_tags_that_are_ignored_comes_back_as_it_is(client: deepl.DeepLClient) -> None:
    text = f"{CHOCOLATES} <keep>Good morning</keep>"
    found = client.translate_text(text, source_lang="EN", target_lang="DE", tag_handling="xml", ignore_tags=["keep"])

    assert str(found) == f"{CHOCOLATES_DE} <keep>Good morning</keep>"


def test_languages_are_listed_both_ways(client: deepl.DeepLClient) -> None:
    assert {one.code for one in client.get_source_languages()} == {"DE", "EN", "ES", "FR", "JA", "ZH"}
    assert {"EN-GB", "EN-US", "DE"} <= {one.code for one in client.get_target_languages()}


def test_usage_never_comes_to_its_limit(client: deepl.DeepLClient) -> None:
    assert not client.get_usage().any_limit_reached


def test_a_language_that_there_is_not_is_told_in_our_words(client: deepl.DeepLClient) -> None:
    with pytest.raises(deepl.DeepLException, match="RU is not supported") as told:
        client.translate_text(CHOCOLATES, target_lang="RU")

    assert told.value.http_status_code == 400
