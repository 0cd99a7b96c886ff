"""deep-translator: everything behind the question mark, its key too, and no body at all."""

from __future__ import annotations

import pytest
from deep_translator import LibreTranslator
from deep_translator.exceptions import ServerException

from tests.integration.clients.chocolates import CHOCOLATES, CHOCOLATES_DE
from tests.integration.stack import Stack

KEY = "k-8fa1c3"


def client(system: Stack, source: str, target: str) -> LibreTranslator:
    return LibreTranslator(source=source, target=target, api_key=KEY, custom_url=f"{system.url}/")


@pytest.mark.parametrize("source", ["en", "auto"])
def test_a_text_is_translated(system: Stack, source: str) -> None:
    assert client(system, source, "de").translate(CHOCOLATES) == CHOCOLATES_DE


def test_signs_of_addresses_are_a_text_s_own(system: Stack) -> None:
    assert isinstance(client(system, "en", "fr").translate("a & b = c?"), str)


def test_many_texts_are_a_request_each(system: Stack) -> None:
    found = client(system, "en", "fr").translate_batch(["Thank you!", CHOCOLATES])

    assert found[1] == "La vie est comme une boîte de chocolats."


def test_a_language_that_this_model_has_not_is_told(system: Stack) -> None:
    with pytest.raises(ServerException, match="ERR_BAD_REQUEST"):
        client(system, "en", "ru").translate("Hello!")


def test_its_key_is_in_no_log(system: Stack) -> None:
    client(system, "en", "de").translate("Thank you!")
    with pytest.raises(ServerException):
        client(system, "en", "ru").translate("Thank you!")

    assert KEY not in system.outputs()
