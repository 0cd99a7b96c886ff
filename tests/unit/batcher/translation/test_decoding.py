"""How answers are searched for: what a checkpoint says, what the settings say instead, what is not supported."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")
from transformers import GenerationConfig

from batcher.models.errors import ModelSpecError
from batcher.models.files.weights import Weights
from batcher.models.settings import ModelSettings
from batcher.models.translation.decoding import DEFAULT_LONGEST, UNSUPPORTED, Decoding, revision, with_settings

# Settings that change no translation: where it is computed, how the same is computed, or how another task is done.
NEUTRAL = {"device", "threads", "offline", "engine", "long_text", "normalize"}
IDS = {"decoder_start_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}


def decoding(settings: dict[str, Any] | None = None, **said: Any) -> Decoding:
    return Decoding.of(with_settings(GenerationConfig(**{**IDS, **said}), ModelSettings(**settings or {})))


def test_a_checkpoint_that_says_nothing_is_greedy_and_as_long_as_the_family() -> None:
    assert decoding() == Decoding(
        beams=1,
        longest=DEFAULT_LONGEST,
        length_penalty=1.0,
        early_stopping=False,
        no_repeat=0,
        start=2,
        end=2,
        padding=1,
    )


def test_what_a_checkpoint_says_is_done() -> None:
    said = {"num_beams": 5, "early_stopping": True, "length_penalty": 0.7, "no_repeat_ngram_size": 3, "max_length": 50}

    assert decoding(**said) == Decoding(
        beams=5, longest=50, length_penalty=0.7, early_stopping=True, no_repeat=3, start=2, end=2, padding=1
    )


@pytest.mark.parametrize("early_stopping", [True, False, "never"])
def test_beams_stop_as_the_checkpoint_says(early_stopping: bool | str) -> None:
    assert decoding(num_beams=2, early_stopping=early_stopping).early_stopping == early_stopping


@pytest.mark.parametrize(
    ("settings", "said", "longest"),
    [
        pytest.param({}, {"max_length": 50}, 50, id="a length of all tokens"),
        pytest.param({}, {"max_new_tokens": 50}, 51, id="new tokens come after the start"),
        pytest.param({}, {"max_new_tokens": 50, "max_length": 9}, 51, id="new tokens beat a length"),
        pytest.param({"max_new_tokens": 7}, {"max_length": 50}, 8, id="the setting beats a length"),
        pytest.param({"max_new_tokens": 7}, {"max_new_tokens": 50}, 8, id="the setting beats new tokens"),
        pytest.param({"max_new_tokens": 2}, {}, 3, id="the language and one piece"),
    ],
)
def test_how_long_an_answer_may_be(settings: dict[str, Any], said: dict[str, Any], longest: int) -> None:
    assert decoding(settings, **said).longest == longest


@pytest.mark.parametrize(
    ("settings", "said"), [({"max_new_tokens": 1}, {}), ({}, {"max_new_tokens": 1}), ({}, {"max_length": 2})]
)
def test_an_answer_has_room_for_one_piece(settings: dict[str, Any], said: dict[str, Any]) -> None:
    with pytest.raises(ModelSpecError, match="say max_new_tokens=2, or more"):
        decoding(settings, **said)


def test_the_setting_of_beams_beats_the_checkpoint() -> None:
    assert decoding({"beams": 3}, num_beams=5).beams == 3
    assert decoding({"beams": 1}, num_beams=5).beams == 1


def test_nothing_is_sampled() -> None:
    config = with_settings(GenerationConfig(**IDS, do_sample=True, temperature=0.3, top_k=4), ModelSettings())

    assert (config.do_sample, config.temperature, config.top_k) == (False, None, None)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_each_option_that_only_generate_supports_is_named(name: str) -> None:
    config = with_settings(GenerationConfig(**IDS), ModelSettings())
    setattr(config, name, 7)

    with pytest.raises(ModelSpecError, match=rf"asks for {name}, .* say engine=reference"):
        Decoding.of(config)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_an_option_that_is_off_is_accepted(name: str) -> None:
    for neutral in UNSUPPORTED[name]:
        config = with_settings(GenerationConfig(**IDS), ModelSettings())
        setattr(config, name, neutral)

        assert Decoding.of(config).beams == 1


@pytest.mark.parametrize("name", IDS)
def test_a_missing_token_is_named(name: str) -> None:
    with pytest.raises(ModelSpecError, match=f"asks for no {name}"):
        decoding(**{name: None})


def test_all_unsupported_options_are_named_together() -> None:
    with pytest.raises(
        ModelSpecError, match=r"asks for min_length, eos_token_id with several ends, no_repeat_ngram_size"
    ):
        decoding(min_length=3, eos_token_id=[2, 3], no_repeat_ngram_size=2)


def test_one_end_in_a_list_is_one_end() -> None:
    assert decoding(eos_token_id=[2]).end == 2


@pytest.mark.parametrize("row", fields(ModelSettings), ids=lambda row: row.name)
def test_a_setting_changes_the_revision_if_it_changes_translations(row: Any) -> None:
    weights, plain = Weights(directory=Path(), fingerprint=""), ModelSettings()
    value = getattr(plain, row.name)
    others = row.metadata["choices"] or [not value if isinstance(value, bool) else value + 1 if value == 0 else "other"]
    changed = replace(plain, **{row.name: others[-1]})

    revisions = {revision(weights, settings, guard=settings.guard) for settings in (plain, changed)}

    assert changed != plain and len(revisions) == (1 if row.name in NEUTRAL else 2)
