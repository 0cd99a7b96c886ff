"""In flight, loading: what the engine cannot do is refused with the way out; what changes answers has a revision."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from batcher.models.errors import ModelSpecError
from tests.models import tiny
from tests.models.in_flight import engine_of, load, mixed_rows, numbered, outputs, reference, run_all


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tiny.translation(tmp_path / "tiny", seed=1)


@pytest.mark.parametrize(
    ("generation", "named"),
    [
        ({"min_length": 4}, "min_length"),
        ({"min_new_tokens": 4}, "min_length"),
        ({"forced_eos_token_id": 2}, "forced_eos_token_id"),
        ({"repetition_penalty": 1.2}, "repetition_penalty"),
        ({"encoder_no_repeat_ngram_size": 2}, "encoder_no_repeat_ngram_size"),
        ({"suppress_tokens": [7]}, "suppress_tokens"),
        ({"bad_words_ids": [[7]]}, "bad_words_ids"),
        ({"renormalize_logits": True}, "renormalize_logits"),
        ({"eos_token_id": [2, 3]}, "eos_token_id with several ends"),
        ({"no_repeat_ngram_size": 3}, "no_repeat_ngram_size without beams"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_only_generate_does_is_refused_with_the_way_out(
    tmp_path: Path, generation: dict[str, Any], named: str
) -> None:
    directory = tiny.translation(tmp_path, **generation)

    with pytest.raises(ModelSpecError, match=rf"{named}, which the in-flight engine does not do: say engine=reference"):
        load(directory)


def test_the_reference_takes_such_a_checkpoint(tmp_path: Path) -> None:
    assert len(reference(tiny.translation(tmp_path, min_length=4)).forward(mixed_rows(random.Random(1), 2))) == 2


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"activation_function": "gelu"}, "computes with gelu"),
        ({"tie_word_embeddings": False}, "has more than one table of embeddings"),
    ],
    ids=["another activation", "embeddings that are not shared"],
)
def test_another_computation_is_refused(tmp_path: Path, shape: dict[str, Any], why: str) -> None:
    directory = tiny.translation(tmp_path, shape=shape)

    with pytest.raises(ModelSpecError, match=f"{why}: say engine=reference"):
        load(directory)
    assert len(reference(directory).forward(mixed_rows(random.Random(1), 2))) == 2


def test_what_says_that_it_does_nothing_is_taken(tmp_path: Path) -> None:
    neutral = {"min_length": 0, "repetition_penalty": 1.0, "encoder_no_repeat_ngram_size": 0, "suppress_tokens": []}
    directory = tiny.translation(tmp_path, **neutral)
    rows = mixed_rows(random.Random(1), 4)

    assert outputs(run_all(engine_of(load(directory)), rows)) == numbered(reference(directory).forward(rows))


@pytest.mark.parametrize("engine", ["in-flight", "reference"])
def test_a_limit_that_holds_the_language_alone_is_refused(checkpoint: Path, engine: str) -> None:
    with pytest.raises(ModelSpecError, match="answers of 1 tokens hold the language alone: say max_new_tokens=2"):
        load(checkpoint, max_new_tokens=1, engine=engine)


def test_answers_beyond_the_last_position_are_refused(checkpoint: Path) -> None:
    with pytest.raises(ModelSpecError, match="positions for answers of 64 tokens, and 65 are asked for"):
        load(checkpoint, max_new_tokens=65)


def test_answers_up_to_the_last_position_are_those_of_generate(checkpoint: Path) -> None:
    rows = mixed_rows(random.Random(2), 12)

    found = outputs(run_all(engine_of(load(checkpoint, max_new_tokens=64)), rows))

    assert found == numbered(reference(checkpoint, max_new_tokens=64).forward(rows))
    assert max(map(len, found.values())) == 63


# Revisions


def test_the_same_weights_and_settings_are_the_same_revision(checkpoint: Path) -> None:
    assert load(checkpoint).about.revision == load(checkpoint, device="cpu").about.revision


@pytest.mark.parametrize(
    "settings", [{"guard": True}, {"dtype": "int8"}, {"dtype": "bf16"}, {"beams": 2}, {"max_new_tokens": 9}], ids=str
)
def test_settings_that_change_answers_make_another(checkpoint: Path, settings: dict[str, Any]) -> None:
    assert load(checkpoint, **settings).about.revision != load(checkpoint).about.revision


def test_without_the_guard_it_answers_as_the_reference_and_shares_its_queue(checkpoint: Path) -> None:
    assert load(checkpoint).about == reference(checkpoint).about


def test_a_model_in_flight_tells_the_front_ends_what_the_reference_does(checkpoint: Path) -> None:
    guarded, plain = load(checkpoint, guard=True).about, reference(checkpoint).about

    assert (guarded.codec, guarded.options, guarded.languages) == (plain.codec, plain.options, plain.languages)


def test_the_reference_refuses_bytes(checkpoint: Path) -> None:
    with pytest.raises(ModelSpecError, match="engine=in-flight, or dtype=fp32"):
        reference(checkpoint, dtype="int8")


def test_only_in_fp32_do_both_engines_share_a_queue(checkpoint: Path) -> None:
    assert load(checkpoint).about.revision == reference(checkpoint).about.revision
    assert load(checkpoint, dtype="bf16").about.revision != reference(checkpoint, dtype="bf16").about.revision


@pytest.mark.parametrize(("setting", "value"), [("beams", 33), ("beams", -1), ("threads", -1), ("max_new_tokens", -1)])
def test_settings_that_mean_nothing_are_refused(checkpoint: Path, setting: str, value: int) -> None:
    with pytest.raises(ModelSpecError, match=f"{setting} must be 0"):
        load(checkpoint, **{setting: value})
