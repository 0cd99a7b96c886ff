"""What LibreTranslate's clients look up: languages by every code, settings, health; and what language a text is in."""

from __future__ import annotations

import pytest

from server.codecs.translation.writing_systems import SCRIPTS
from server.dialects.libretranslate.languages import spoken
from server.dialects.libretranslate.names import NAMES
from server.errors import Problem
from server.languages.identify import Guess
from tests.unit.server.libretranslate.translating import translating
from tests.unit.server.stand_in import announced, card, running

pytestmark = pytest.mark.anyio

M2M100 = spoken(card(languages=tuple(sorted(SCRIPTS))))
NLLB = spoken(card(languages=("eng_Latn", "nob_Latn", "zho_Hans", "zho_Hant", "ace_Arab", "por_Latn")))


def test_every_language_of_m2m100_has_a_name():
    assert [code for code in SCRIPTS if M2M100.names.get(code, code) == code] == []


def test_a_language_is_listed_by_each_code_that_clients_compare():
    assert {"no", "nb", "zh", "zh-Hans", "pt", "pt-BR", "tl", "fil"} <= M2M100.names.keys()
    assert not {"zh-Hant", "nn", "yue"} & M2M100.names.keys()


def test_each_listed_code_is_one_that_is_taken():
    assert all(M2M100.own(code) in SCRIPTS for code in M2M100.names)


@pytest.mark.parametrize(("sent", "own"), [("pb", "pt"), ("PB", "pt"), ("iw", "he"), ("nb", "no"), ("zh-CN", "zh")])
def test_older_codes_are_taken(sent, own):
    assert M2M100.own(sent) == own


def test_traditional_chinese_is_refused_where_the_model_writes_simplified_alone():
    with pytest.raises(Problem, match="zt is not supported"):
        M2M100.own("zt")
    assert NLLB.own("zt") == "zho_Hant"


def test_a_model_s_own_codes_are_shown_as_people_write_them():
    assert NLLB.names == {
        "ace_Arab": "ace_Arab",
        "en": "English",
        "nb": "Norwegian Bokmål",
        "no": "Norwegian",
        "pt": "Portuguese",
        "pt-BR": "Portuguese (Brazil)",
        "pt-PT": "Portuguese (Portugal)",
        "zh": "Chinese",
        "zh-Hans": "Chinese (Simplified)",
        "zh-Hant": "Chinese (Traditional)",
    }
    assert (NLLB.codes["zho_Hant"], NLLB.codes["zho_Hans"], NLLB.codes["ace_Arab"]) == ("zh-Hant", "zh", "ace_Arab")


def test_names_are_there_once():
    assert len(set(NAMES.values())) == len(NAMES)


async def test_languages_are_listed_with_all_of_them_as_targets():
    async with translating() as jitney:
        answer = await jitney.client.get("/languages", params={"api_key": "k"})
        found = {row["code"]: row for row in answer.json()}

        assert found["de"]["name"] == "German"
        assert all(row["targets"] == list(found) for row in answer.json())


async def test_they_are_listed_also_while_the_model_has_no_batcher():
    async with translating() as jitney:
        jitney.broker.announcements = [announced(one.card, batchers=0) for one in jitney.broker.announcements]
        await jitney.look()
        answer = await jitney.client.get("/languages")

        assert "de" in {row["code"] for row in answer.json()}


async def test_settings_are_those_of_a_server_without_keys_and_files():
    async with translating() as jitney:
        told = (await jitney.client.get("/frontend/settings")).json()

        assert (told["charLimit"], told["apiKeys"], told["keyRequired"]) == (-1, False, False)
        assert told["language"]["source"] == {"code": "auto", "name": "Auto Detect"}
        assert told["language"]["target"] == {"code": "en", "name": "English"}


async def test_health_is_ok_and_503_while_it_drains():
    async with running() as jitney:
        well = await jitney.client.get("/health")
        jitney.front_end.is_draining = True
        draining = await jitney.client.get("/health")

        assert (well.status_code, well.json()) == (200, {"status": "ok"})
        assert (draining.status_code, "draining" in draining.json()["error"]) == (503, True)


@pytest.mark.parametrize(
    "sent",
    [{"json": {"q": "für"}}, {"data": {"q": "für", "api_key": ""}}, {"params": {"q": "für"}}],
    ids=["json", "form", "query"],
)
async def test_a_text_s_language_is_told_the_likeliest_first(sent, monkeypatch):
    guessed(monkeypatch, [("de", 0.8), ("zh", 0.1), ("no", 0.05), ("fr", 0.05)])
    async with translating() as jitney:
        answer = await jitney.client.post("/detect", **sent)

        assert answer.json() == [
            {"confidence": 80, "language": "de"},
            {"confidence": 10, "language": "zh"},
            {"confidence": 5, "language": "no"},
        ]


async def test_of_html_only_the_words_are_looked_at(monkeypatch):
    seen = guessed(monkeypatch, [])
    async with translating() as jitney:
        await jitney.client.post("/detect", data={"q": '<p class="the">für <b>uns</b></p>', "format": "html"})

        assert seen[0].split() == ["für", "uns"]


@pytest.mark.parametrize(("blank", "words"), [(4_000, ["für"]), (5_000, [])])
async def test_html_is_looked_at_for_4096_characters(blank, words, monkeypatch):
    seen = guessed(monkeypatch, [])
    async with translating() as jitney:
        await jitney.client.post("/detect", json={"q": f"<!--{'-' * blank}--><p>für</p>", "format": "html"})

        assert seen[0].split() == words


async def test_a_text_without_letters_is_told_as_english_with_no_confidence(monkeypatch):
    guessed(monkeypatch, [])
    async with translating() as jitney:
        answer = await jitney.client.post("/detect", json={"q": ":)"})

        assert answer.json() == [{"confidence": 0, "language": "en"}]


async def test_without_the_extra_nothing_is_told_and_auto_is_refused(monkeypatch):
    monkeypatch.setattr("server.dialects.libretranslate.detected.is_installed", lambda: False)
    async with translating() as jitney:
        told = await jitney.client.post("/detect", json={"q": "x"})
        translated = await jitney.client.post("/translate", json={"q": "x", "source": "auto", "target": "de"})

        assert (told.status_code, translated.status_code) == (400, 400)
        assert translated.json()["error"].startswith("auto is not supported")
        assert "langid" in translated.json()["error"]


def guessed(monkeypatch: pytest.MonkeyPatch, guesses: list[tuple[str, float]]) -> list[str]:
    """These are what every text is taken for; the texts that were asked about."""
    seen: list[str] = []

    def identify(text: str) -> list[Guess]:
        seen.append(text)
        return [Guess(*one) for one in guesses]

    monkeypatch.setattr("server.dialects.libretranslate.detect.identify_in", lambda languages: identify)
    return seen
