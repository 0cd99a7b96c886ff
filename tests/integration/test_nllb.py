"""Live: an NLLB checkpoint by both engines and by either of its files; codes of FLORES-200 and short ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.stack import Stack, stack
from tests.models import nllb_files

TEXT = "The ferry leaves at seven, and nobody wants to miss it!"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = tmp_path_factory.mktemp("models")
    whole, pieces = (nllb_files.checkpoint(made / str(only), seed=7, pieces_only=only) for only in (False, True))
    with stack(
        models=[
            f"translation:{whole},name=nllb,guard=off",
            f"translation:{whole},name=reference,engine=reference",
            f"translation:{pieces},name=pieces,guard=off",
            "translation:demo/translation,name=m2m",
        ]
    ) as live:
        yield live


def ask(system: Stack, source: str, target: str, text: str = TEXT, model: str = "nllb") -> Any:
    payload = {"fromLang": source, "toLang": target, "records": [{"id": "1", "text": text}], "model": model}
    return system.post("/translation", {"payload": payload}, timeout=60.0)


def translate(system: Stack, *how: str, **more: str) -> str:
    reply = ask(system, *how, **more)
    assert reply.status == 200, reply.body
    text: str = reply.json()["result"][0]["text"]
    return text


def test_codes_of_either_kind_ask_for_the_same(system: Stack) -> None:
    expected = translate(system, "eng_Latn", "zho_Hant")

    assert translate(system, "en", "zh-TW") == translate(system, "eng", "zh_Hant") == expected
    assert translate(system, "en", "zh") == translate(system, "eng_Latn", "zho_Hans") != expected


def test_both_engines_and_both_files_say_the_same(system: Stack) -> None:
    expected = translate(system, "en", "fr")

    assert expected not in ("", TEXT)
    assert translate(system, "en", "fr", model="reference") == translate(system, "en", "fr", model="pieces") == expected


def test_the_same_language_answers_itself(system: Stack) -> None:
    assert translate(system, "eng_Latn", "en-GB") == TEXT


def test_a_language_that_it_lacks_is_refused_with_those_that_it_has(system: Stack) -> None:
    reply = ask(system, "en", "br")

    assert (reply.status, reply.json()["code"]) == (422, "unknown_language")
    assert reply.json()["languages"] == sorted(nllb_files.CODES)


def test_its_own_codes_are_listed(system: Stack) -> None:
    (model,) = [one for one in system.get("/v1/models").json()["models"] if one["name"] == "nllb"]

    assert model["languages"] == nllb_files.CODES


def test_m2m100_takes_codes_of_flores(system: Stack) -> None:
    assert translate(system, "eng_Latn", "fra_Latn", text="Good morning.", model="m2m") == "Bonjour."
