"""The demo's material keeps its promises: one answer a source sentence, a clean split, small committed weights."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from demo.messages import handwritten_messages, template_messages
from demo.phrasebook import LANGUAGES, Meaning, Split, meanings, read_slots, read_templates, split_meanings
from demo.phrasebook.reading import PhrasebookError
from demo.pictures import COLOURS, LABELS, Drawing, drawings, picture

DEMO = Path(__file__).parents[2] / "demo"
MODELS = ("translation", "classification", "image_classification")


@pytest.fixture(scope="module")
def phrasebook() -> Sequence[Meaning]:
    return tuple(meanings(read_templates(), read_slots()))


@pytest.fixture(scope="module")
def split(phrasebook: Sequence[Meaning]) -> Split:
    return split_meanings(phrasebook)


def sources(some: Sequence[Meaning]) -> set[tuple[str, str]]:
    return {(language, text) for meaning in some for language in LANGUAGES for text in meaning.sources(language)}


def test_a_sentence_means_one_thing(phrasebook: Sequence[Meaning]) -> None:
    meant: dict[tuple[str, str], set[str]] = {}

    for meaning, language in itertools.product(phrasebook, LANGUAGES):
        for text in meaning.sources(language):
            meant.setdefault((language, text), set()).add(meaning.key)

    assert [source for source, keys in meant.items() if len(keys) > 1] == []


def test_a_template_speaks_all_six_languages(phrasebook: Sequence[Meaning]) -> None:
    assert {tuple(sorted(meaning.texts)) for meaning in phrasebook} == {tuple(sorted(LANGUAGES))}


def test_no_slot_is_left_unfilled(phrasebook: Sequence[Meaning]) -> None:
    assert [text for _, text in sources(phrasebook) if "{" in text or "  " in text] == []


def test_a_template_without_a_language_is_refused(tmp_path: Path) -> None:
    (tmp_path / "topic_short.txt").write_text("[hello]\nen: Hello!\nja: こんにちは。\n", encoding="utf-8")

    with pytest.raises(PhrasebookError, match=r"topic_short.txt \[hello\]: no text in fr, de, es, zh"):
        read_templates(tmp_path)


def test_the_japanese_box_of_chocolate_is_singular_in_english(phrasebook: Sequence[Meaning]) -> None:
    [meaning] = [meaning for meaning in phrasebook if meaning.template == "life-chocolates"]

    assert meaning.answer("en", "ja") == "人生はチョコレートの箱のようなものだ。"
    assert meaning.answer("ja", "en") == "Life is like a box of chocolate."
    assert meaning.answer("de", "en") == "Life is like a box of chocolates."


def test_held_out_sentences_are_never_trained(split: Split) -> None:
    assert sources(split.training) & sources(split.held_out) == set()


def test_every_held_out_value_is_trained_in_its_template(split: Split) -> None:
    trained = {(meaning.template, value) for meaning in split.training for value in meaning.values}

    assert {(meaning.template, value) for meaning in split.held_out for value in meaning.values} <= trained


def test_about_a_tenth_of_the_phrasebook_is_held_out(phrasebook: Sequence[Meaning], split: Split) -> None:
    assert len(split.training) + len(split.held_out) == len(phrasebook)
    assert 0.08 < len(split.held_out) / len(phrasebook) < 0.12


def test_a_message_has_one_label_and_is_on_one_side() -> None:
    training, held_out = template_messages(seed=1)

    labels: dict[str, set[str]] = {}
    for message in (*training, *held_out):
        labels.setdefault(message.text, set()).add(message.label)

    assert [text for text, names in labels.items() if len(names) > 1] == []
    assert {m.text for m in training}.isdisjoint(m.text for m in (*held_out, *handwritten_messages()))


def test_sizes_and_places_of_held_out_pictures_are_never_trained() -> None:
    trained, held_out = (list(drawings(3000, seed=1, held_out=side)) for side in (False, True))

    assert {one.radius for one in trained}.isdisjoint(one.radius for one in held_out)
    assert {one.place for one in trained}.isdisjoint(one.place for one in held_out)
    assert {one.label for one in trained} == {one.label for one in held_out} == {*LABELS}


@pytest.mark.parametrize("label", [label for label in LABELS if not label.endswith("ring")])
def test_a_picture_has_the_colour_of_its_label_where_its_figure_is(label: str) -> None:
    drawing = Drawing(label=label, radius=20, place=(32, 32))
    drawn = picture(drawing, random.Random(1))

    seen = drawn.getpixel((drawn.width // 2, drawn.height // 2))

    assert label.split()[0] == min(COLOURS, key=lambda name: math.dist(COLOURS[name], seen))


def test_the_committed_models_stay_small() -> None:
    sizes = [path.stat().st_size for name in MODELS for path in (DEMO / name).rglob("*") if path.is_file()]

    assert 1_000_000 < sum(sizes) <= 12_000_000


def test_the_image_classifier_is_at_most_a_megabyte_with_its_picture() -> None:
    files = {path.name: path.stat().st_size for path in (DEMO / "image_classification").iterdir()}

    assert "red_circle.png" in files
    assert sum(files.values()) <= 1_000_000


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_what_it_is(name: str) -> None:
    card = json.loads((DEMO / name / "jitney.json").read_text(encoding="utf-8"))

    assert card["description"].startswith("Demo model: ")


def test_language_ids_follow_the_vocabulary() -> None:
    vocabulary = json.loads((DEMO / "translation" / "vocab.json").read_text(encoding="utf-8"))
    config = json.loads((DEMO / "translation" / "config.json").read_text(encoding="utf-8"))

    assert list(vocabulary)[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert list(vocabulary.values()) == list(range(len(vocabulary)))
    assert config["vocab_size"] == len(vocabulary) + 100 + 8


def test_the_recorded_figures_reach_their_aim() -> None:
    figures = json.loads((DEMO / "evaluation.json").read_text(encoding="utf-8"))

    assert figures["translation"]["exact_match"] >= 0.95
    assert figures["translation"]["original_calls"] is True
    assert figures["classification"]["held_out_accuracy"] >= 0.95
    assert figures["image_classification"]["held_out_accuracy"] >= 0.97
