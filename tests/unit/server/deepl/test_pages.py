"""What DeepL's clients look up, and how its addresses refuse."""

from __future__ import annotations

import pytest

from broker.messages import FailureCode, Verdict
from server.dialects.deepl.flavour import status_of
from server.dialects.deepl.languages import sources, targets
from server.dialects.libretranslate.languages import spoken
from tests.unit.server.libretranslate.translating import M2M, translating
from tests.unit.server.stand_in import ScriptedBroker

pytestmark = pytest.mark.anyio

FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_sources_are_in_capitals_each_language_once():
    assert list(sources(spoken(M2M))) == ["DE", "EN", "FR", "HE", "JA", "NB", "PT", "TL", "ZH"]


def test_targets_have_regions_where_clients_ask_for_them():
    found = targets(spoken(M2M))

    assert {"EN-GB", "EN-US", "PT-BR", "PT-PT", "ZH-HANS", "NB", "DE"} <= found.keys()
    assert not {"EN", "PT"} & found.keys()


def test_every_target_is_one_that_is_taken():
    languages = spoken(M2M)

    assert {languages.own(code) for code in targets(languages)} == set(M2M.languages)


@pytest.mark.parametrize(
    ("sent", "is_target"),
    [({}, False), ({"params": {"type": "target"}}, True), ({"content": b"type=target", "headers": FORM}, True)],
    ids=["none", "query", "form"],
)
async def test_which_languages_are_meant_comes_with_get_in_either_way(sent, is_target):
    async with translating() as jitney:
        answer = await jitney.client.request("GET", "/v2/languages", **sent)

        assert answer.status_code == 200
        assert ("EN-GB" in {row["language"] for row in answer.json()}) == is_target
        assert all(row["name"] for row in answer.json())


async def test_nothing_is_counted():
    async with translating() as jitney:
        told = (await jitney.client.get("/v2/usage")).json()

        assert told["character_count"] == 0 < told["character_limit"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("malformed", 400),
        ("invalid_input", 400),
        ("unknown_language", 400),
        ("too_large", 413),
        ("contended", 429),
        ("poison", 400),
        ("model_error", 400),
        ("no_batcher", 503),
        ("broker_unavailable", 503),
        ("expired", 503),
    ],
)
def test_what_would_only_fail_again_is_not_asked_again(code, status):
    assert status_of(code) == status


async def test_where_too_much_waits_it_is_told_when_to_come_back():
    broker = ScriptedBroker(verdict=Verdict(waiting=9, refusal=FailureCode.CONTENDED))
    async with translating(broker) as jitney:
        answer = await jitney.client.post("/v2/translate", json={"text": ["x"], "target_lang": "DE"})

        assert (answer.status_code, bool(answer.headers["retry-after"])) == (429, True)


async def test_a_deadline_that_passed_is_told_as_something_to_come_back_for():
    async with translating() as jitney:
        answer = await jitney.client.post("/v2/translate", json={"text": ["fail:expired"], "target_lang": "DE"})

        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "expired", "1")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/translate", 405),
        ("POST", "/v2/usage", 405),
        ("GET", "/v2/languages?type=all", 400),
        ("POST", "/v2/document", 404),
        ("GET", "/v2/glossaries", 404),
        ("GET", "/v3/glossaries/x", 404),
    ],
)
async def test_addresses_that_lead_nowhere_say_so_as_the_others_do(method, path, status):
    async with translating() as jitney:
        answer = await jitney.client.request(method, path)

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert answer.json()["message"]
