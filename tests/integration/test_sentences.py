"""Live: every sentence of a text is translated, what cannot be read is told, what is cut says so."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from demo.phrasebook import LANGUAGES, Meaning, meanings, read_slots, read_templates, split_meanings
from tests.integration.stack import Stack, stack

DEMO = Path(__file__).parents[2] / "demo" / "translation"
THREE = "Thank you very much. Good morning. Where is the station?"
FRENCH = "Merci beaucoup. Bonjour. Où est la gare ?"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """The demo; as it would be without `max_cost`, as on the hub; with answers of a few tokens; split by budget."""
    hub = tmp_path_factory.mktemp("models") / "hub"
    shutil.copytree(DEMO, hub)
    (hub / "jitney.json").unlink()
    return [
        "translation:demo/translation,name=demo",
        f"translation:{hub},name=hub",
        "translation:demo/translation,name=short,max_new_tokens=4,engine=reference",
        "translation:demo/translation,name=budget,split=budget",
    ]


@pytest.fixture(scope="module")
def system(models: Sequence[str]) -> Iterator[Stack]:
    with stack(models=list(models)) as made:
        yield made


def translate(system: Stack, source: str, target: str, *texts: str, model: str = "demo") -> list[dict[str, Any]]:
    asked = [{"id": number, "text": text} for number, text in enumerate(texts)]
    payload = {"fromLang": source, "toLang": target, "records": asked, "model": model}
    reply = system.post("/translation", {"payload": payload}, timeout=60.0)
    assert reply.status == 200, reply.body
    return [{name: value for name, value in row.items() if name != "id"} for row in reply.json()["result"]]


def test_three_sentences_are_three(system: Stack) -> None:
    assert translate(system, "en", "fr", THREE) == [{"text": FRENCH}]


def test_so_are_twelve_and_forty(system: Stack) -> None:
    texts = [" ".join([THREE] * 4), "\t".join([THREE] * 13)]

    assert translate(system, "en", "fr", *texts) == [{"text": text.replace(THREE, FRENCH)} for text in texts]


def test_a_checkpoint_without_a_cost_of_its_own_loses_none_of_forty(system: Stack) -> None:
    text = " ".join([THREE] * 13)

    assert translate(system, "en", "fr", text, model="hub") == [{"text": text.replace(THREE, FRENCH)}]


def test_split_by_budget_is_what_it_was(system: Stack) -> None:
    (row,) = translate(system, "en", "fr", THREE, model="budget")

    assert row["text"] != FRENCH


def test_held_out_sentences_joined_in_every_pair_are_translated_one_by_one(system: Stack) -> None:
    held_out = split_meanings(meanings(read_templates(), read_slots())).held_out
    rng, right, asked = random.Random(8), 0, 0
    for source, target in itertools.permutations(LANGUAGES, 2):
        chosen = [rng.sample(held_out, 3) for _ in range(8)]
        rows = translate(system, source, target, *(_joined(group, source) for group in chosen))
        expected = [_space(target).join(one.answer(source, target) for one in group) for group in chosen]
        right += sum(row == {"text": text} for row, text in zip(rows, expected, strict=True))
        asked += len(rows)

    assert right / asked > 0.97  # alone 99.8 % of them are right, so of three together 99.4 %


def _joined(group: Sequence[Meaning], language: str) -> str:
    return _space(language).join(one.texts[language] for one in group)


def _space(language: str) -> str:
    return "" if language in ("ja", "zh") else " "


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("😆", {"text": "😆", "unread": 1}),
        ("\u200b", {"text": "\u200b"}),
        ("Good morning.\n\u200b\nGood morning.", {"text": "Bonjour.\n\u200b\nBonjour."}),
        ("ѿ" * 9_000, {"text": "ѿ" * 9_000, "unread": 9_000}),
        ("😆 Good morning.", {"text": "😆 Bonjour.", "unread": 1}),
        (
            "Good morning. 👨\u200d👩\u200d👧 Good morning! 🇯🇵",
            {"text": "Bonjour. 👨\u200d👩\u200d👧 Bonjour ! 🇯🇵", "unread": 5},
        ),
        ("\ufeffGood\u200b mor\u00adning.\u200e", {"text": "Bonjour."}),
        ("“Good morning. Good morning.”", {"text": "“Bonjour. Bonjour.”"}),
        ("42\n?!\n---", {"text": "42\n?!\n---"}),
    ],
)
def test_what_cannot_be_read_is_told_and_stays_where_it_stood(system: Stack, text: str, row: dict[str, Any]) -> None:
    assert translate(system, "en", "fr", text) == [row]


def test_between_sentences_stands_the_space_of_the_target_script(system: Stack) -> None:
    (japanese,) = translate(system, "en", "ja", "Good morning. Where is the station?  Good morning.")
    (english,) = translate(system, "ja", "en", "おはようございます。駅はどこですか。\u3000おはようございます。")

    assert japanese["text"] == "おはようございます。駅はどこですか。  おはようございます。"
    assert english["text"] == "Good morning. Where is the station?\u3000Good morning."


def test_an_answer_that_is_cut_says_so_and_is_counted(system: Stack) -> None:
    (row,) = translate(system, "en", "fr", "Thank you very much. Good morning.", model="short")

    assert row["truncated"] is True
    assert 'jitney_records_truncated_total{model="short"} 1.0' in system.front_ends[0].metrics()
