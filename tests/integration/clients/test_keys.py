"""Others' clients with keys, each putting them where it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.error import HTTPError

import deepl
import openai
import pytest
from deepl import http_client
from libretranslatepy import LibreTranslateAPI

from broker.credentials.api_key import ApiKey
from tests.faults.kit.command import jitney
from tests.integration.clients.chocolates import CHOCOLATES, CHOCOLATES_DE
from tests.integration.stack import Stack, stack
from tests.waiting import until

WRONG = ApiKey("z" * 12, "0" * 32).text


@pytest.fixture(scope="module")
def keyed() -> Iterator[Stack]:
    with stack([], 0, api_keys="on") as made:
        made.start_batcher("translation:demo/translation")
        made.start_batcher("tests.integration.toy_embedders:Thirds")
        made.start_front_end()
        yield made


@pytest.fixture(scope="module")
def key(keyed: Stack) -> str:
    """Known to the front end, which sees both models."""
    made = jitney("keys", "add", "alice", url=keyed.broker.url).out.strip()
    headers = {"Authorization": f"Bearer {made}"}
    until(lambda: b'"live"' in keyed.get("/v1/models", headers).body, "the key is known", within=30.0)
    until(lambda: len(keyed.get("/v1/models", headers).json()["data"]) == 2, "both models live", within=30.0)
    return made


def test_openai_s_client_sends_a_bearer(keyed: Stack, key: str) -> None:
    with openai.OpenAI(base_url=f"{keyed.url}/v1", api_key=key, max_retries=0) as client:
        names = [model.id for model in client.models.list()]
        found = client.embeddings.create(model="thirds", input="a")

    assert "thirds" in names
    assert found.data[0].embedding


def test_openai_s_client_calls_a_wrong_key_by_its_name(keyed: Stack, key: str) -> None:
    with openai.OpenAI(base_url=f"{keyed.url}/v1", api_key=WRONG, max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as told:
            client.embeddings.create(model="thirds", input="a")
        with pytest.raises(openai.AuthenticationError):
            client.models.list()

    assert told.value.code == "unauthenticated"


def test_deepl_s_client_sends_a_scheme_of_its_own(keyed: Stack, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "max_network_retries", 0)
    with closing(deepl.DeepLClient(key, server_url=keyed.url)) as client:
        assert str(client.translate_text(CHOCOLATES, target_lang="DE")) == CHOCOLATES_DE
        assert client.get_usage()
    with closing(deepl.DeepLClient(WRONG, server_url=keyed.url)) as client, pytest.raises(deepl.AuthorizationException):
        client.translate_text(CHOCOLATES, target_lang="DE")


def test_libretranslate_s_client_puts_it_into_a_form(keyed: Stack, key: str) -> None:
    client = LibreTranslateAPI(f"{keyed.url}/", api_key=key)

    assert client.translate(CHOCOLATES, "en", "de") == CHOCOLATES_DE
    assert client.detect("Guten Morgen, wie geht es dir heute?")[0]["language"] == "de"
    assert client.languages()


@pytest.mark.parametrize("sent", [WRONG, "", None])
def test_libretranslate_s_client_is_refused_without_a_good_one(keyed: Stack, key: str, sent: str | None) -> None:
    client = LibreTranslateAPI(f"{keyed.url}/", api_key=sent)

    for ask in (lambda: client.translate(CHOCOLATES, "en", "de"), lambda: client.detect("Guten Morgen")):
        with pytest.raises(HTTPError) as told:
            ask()
        with told.value as answer:
            assert answer.status == 400
            assert b'"code":"unauthenticated"' in answer.read()
