"""Translation: a batch that mixes pairs, lengths and limits says what `generate` says to each of its rows alone."""

from __future__ import annotations

import json
import random
from array import array
from pathlib import Path
from typing import Any

import pytest

from batcher.engines.batch import BatchEngine
from batcher.models.contract import InvalidInput
from batcher.models.errors import ModelSpecError
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.messages import Job
from tests.models import tiny
from tests.models.oracle import Oracle, source, without_marks

DEMO = Path(__file__).parents[2] / "demo" / "translation"
SEEDS = (2, 5)
OFFSET = 64  # of the tiny checkpoints: ids of languages begin here


def load(directory: Path, **settings: Any) -> LoadedModel:
    settings_ = ModelSettings(engine="reference", **settings)
    return without_marks(load_model(parse_spec(f"translation:{directory}"), settings_))


def inputs(rng: random.Random, count: int, *, limits: bool = False) -> list[dict[str, Any]]:
    """Rows from any language to any other, 0 to 25 pieces, some of them with a limit of their own."""
    rows = []
    for _ in range(count):
        speaks, understands = (OFFSET + rng.randrange(100) for _ in range(2))
        pieces = [rng.randrange(4, OFFSET) for _ in range(rng.randrange(26))]
        row: dict[str, Any] = {"source": source(understands, pieces), "target": speaks}
        rows.append(row | {"max_new_tokens": rng.randrange(2, 27)} if limits and rng.random() < 0.7 else row)
    return rows


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tiny.translation(tmp_path / "tiny", seed=1)


DECODINGS: list[Any] = [
    pytest.param({"num_beams": 1}, id="greedy"),
    pytest.param({"num_beams": 5, "early_stopping": True}, id="five beams, as the family says"),
    pytest.param({"num_beams": 3, "early_stopping": False, "length_penalty": 0.7}, id="beams that look further"),
    pytest.param({"num_beams": 2, "early_stopping": "never"}, id="beams that look at the limit"),
    pytest.param({"num_beams": 1, "forced_eos_token_id": 2}, id="greedy with a forced end"),
    pytest.param({"num_beams": 1, "min_new_tokens": 5, "no_repeat_ngram_size": 2}, id="greedy with rules"),
    pytest.param({"num_beams": 4, "early_stopping": True, "forced_bos_token_id": 70}, id="made for one language"),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("decoding", DECODINGS)
def test_a_mixed_batch_equals_one_by_one(tmp_path: Path, decoding: dict[str, Any], seed: int) -> None:
    directory = tiny.translation(tmp_path, seed=seed, **decoding)
    rows, oracle = inputs(random.Random(seed), 10), Oracle(directory)

    answers = load(directory).forward(rows)

    assert all(oracle.agrees(row, answer) for row, answer in zip(rows, answers, strict=True))
    assert oracle.exceptions == 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("decoding", DECODINGS[:5])
def test_each_row_has_its_own_limit(tmp_path: Path, decoding: dict[str, Any], seed: int) -> None:
    directory = tiny.translation(tmp_path, seed=seed, **decoding)
    rows, oracle = inputs(random.Random(seed), 10, limits=True), Oracle(directory)

    answers = load(directory).forward(rows)

    assert all(oracle.agrees(row, answer) for row, answer in zip(rows, answers, strict=True))
    assert oracle.exceptions == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_answers_in_these_tests_differ(tmp_path: Path, seed: int) -> None:
    answers = load(tiny.translation(tmp_path, seed=seed)).forward(inputs(random.Random(seed), 10))

    assert len({tuple(answer) for answer in answers}) >= 6
    assert len({len(answer) for answer in answers}) >= 3


def test_the_setting_of_beams_beats_the_checkpoint(checkpoint: Path) -> None:
    rows, oracle = inputs(random.Random(3), 12), Oracle(checkpoint)

    answers = load(checkpoint, beams=4).forward(rows)

    assert [list(answer) for answer in answers] == [oracle.answer(row, num_beams=4) for row in rows]


@pytest.mark.parametrize("beams", [1, 3])
def test_the_setting_of_a_limit_counts_the_language_as_generate_does(checkpoint: Path, beams: int) -> None:
    rows, oracle = inputs(random.Random(3), 12), Oracle(checkpoint)

    answers = load(checkpoint, beams=beams, max_new_tokens=7).forward(rows)

    limited = {"num_beams": beams, "max_new_tokens": 7, "max_length": None}
    assert [list(answer) for answer in answers] == [oracle.answer(row, **limited) for row in rows]
    assert max(map(len, answers)) == 6


def test_a_row_may_not_ask_for_more_than_the_checkpoint(checkpoint: Path) -> None:
    (row,) = inputs(random.Random(1), 1)
    model = load(checkpoint)

    long, usual = model.forward([{**row, "max_new_tokens": 1000}, row])

    assert long == usual


def test_an_answer_is_pieces_only(checkpoint: Path) -> None:
    answers = load(checkpoint).forward(inputs(random.Random(1), 16))

    assert all(isinstance(answer, array) and answer.typecode == "i" for answer in answers)
    assert not {1, 2} & {token for answer in answers for token in answer}


def test_through_the_engine_every_job_gets_its_own_answer(checkpoint: Path) -> None:
    model, rows = load(checkpoint), inputs(random.Random(5), 24)
    engine = BatchEngine(model, max_tokens=100, cost=model.cost)
    expected = {str(number): model.forward([row])[0] for number, row in enumerate(rows)}

    engine.admit([Job(id=str(number), front_end="f", input=row) for number, row in enumerate(rows)])
    done = {one.job_id: one.output for one in engine.step()}

    assert done == expected
    assert engine.last.groups > 1


@pytest.mark.parametrize("beams", [1, 3])
def test_every_decoded_token_is_progress(checkpoint: Path, beams: int) -> None:
    model, calls = load(checkpoint, beams=beams, max_new_tokens=9), list[None]()
    BatchEngine(model, progress=lambda: calls.append(None))

    answers = model.forward(inputs(random.Random(1), 8))

    assert len(calls) >= max(map(len, answers)) == 8


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param("text", "a source and a target", id="not a row"),
        pytest.param({"source": [64, 5, 2], "target": 64}, "takes token ids", id="not an array"),
        pytest.param({"source": array("i"), "target": 64}, "1 to 64 tokens, not 0", id="empty"),
        pytest.param({"source": array("i", [5] * 65), "target": 64}, "1 to 64 tokens, not 65", id="too long"),
        pytest.param({"source": array("i", [5, 9999]), "target": 64}, "not in the model's vocabulary", id="foreign id"),
        pytest.param({"source": array("i", [5, -1]), "target": 64}, "not in the model's vocabulary", id="negative id"),
        pytest.param({"source": array("i", [5, 2]), "target": 5}, "not a language", id="a piece for a language"),
        pytest.param({"source": array("i", [5, 2])}, "not a language", id="no language"),
        pytest.param({"source": array("i", [5, 2]), "target": 64, "max_new_tokens": 1}, "2 or more", id="no room"),
    ],
)
def test_an_impossible_row_is_refused(checkpoint: Path, row: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        load(checkpoint).forward([row])


# What the card is made from


def test_it_tells_the_front_ends_all_that_they_need(checkpoint: Path) -> None:
    about = load(checkpoint).about

    assert (about.task, about.codec, about.max_cost) == ("translation", "m2m100", 64)
    assert sorted(about.files) == ["sentencepiece.bpe.model", "vocab.json"]
    assert (about.options["language_offset"], about.options["eos"], about.options["unk"]) == (64, 2, 3)
    assert (about.options["language_ids"]["en"], about.options["language_ids"]["zu"]) == (64 + 18, 64 + 99)
    assert len(about.languages) == 100


def test_it_tells_them_how_to_split_and_how_long_answers_may_be(checkpoint: Path) -> None:
    usual, short = load(checkpoint).about.options, load(checkpoint, split="budget", max_new_tokens=40).about.options

    assert (usual["split"], short["split"]) == ("sentence", "budget")
    assert short["longest_answer"] == 40 - 2  # neither the language nor the end


def test_notes_in_the_directory_say_what_it_can_do(tmp_path: Path) -> None:
    notes = {"languages": ["en", "ja"], "description": "A phrasebook.", "max_cost": 20}

    about = load(tiny.translation(tmp_path, notes=notes)).about

    assert (about.languages, about.description, about.max_cost) == (("en", "ja"), "A phrasebook.", 20)
    assert len(about.options["language_ids"]) == 100


def test_notes_may_name_words_that_it_leaves_as_they_are(tmp_path: Path) -> None:
    markers = {"en": ["Anna"], "ja": ["アンナ"]}
    named, plain = (
        tiny.translation(tmp_path / "named", notes={"markers": markers}),
        tiny.translation(tmp_path / "plain"),
    )

    assert load(named).about.options["markers"] == markers
    assert "markers" not in load(plain).about.options


def test_notes_cannot_name_a_language_without_an_id(tmp_path: Path) -> None:
    directory = tiny.translation(tmp_path, notes={"languages": ["en", "tlh"]})

    with pytest.raises(ModelSpecError, match="names tlh"):
        load(directory)


@pytest.mark.parametrize(
    "settings", [{"beams": 2}, {"dtype": "bf16"}, {"max_new_tokens": 9}, {"split": "budget"}], ids=str
)
def test_settings_that_change_answers_make_another_revision(checkpoint: Path, settings: dict[str, Any]) -> None:
    assert load(checkpoint, **settings).about.revision != load(checkpoint).about.revision


def test_where_it_computes_makes_none(checkpoint: Path) -> None:
    assert load(checkpoint, device="cpu").about.revision == load(checkpoint).about.revision


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelSpecError, match=r"is a bert model.*translation serves M2M100"):
        load(tiny.encoder(tmp_path / "bert"))


def test_a_missing_vocabulary_is_named(checkpoint: Path) -> None:
    (checkpoint / "vocab.json").unlink()

    with pytest.raises(ModelSpecError, match=r"holds no vocab\.json"):
        load(checkpoint)


def test_a_vocabulary_that_does_not_fit_the_embeddings_is_refused(checkpoint: Path) -> None:
    words = json.loads((checkpoint / "vocab.json").read_text())
    (checkpoint / "vocab.json").write_text(json.dumps(words | {f"more {n}": 64 + n for n in range(20)}))

    with pytest.raises(ModelSpecError, match="84 words and 100 languages do not fit its 172 embeddings"):
        load(checkpoint)


def test_it_warms_up(checkpoint: Path) -> None:
    load(checkpoint).warm_up()


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_smaller_numbers_compute_as_well(checkpoint: Path, dtype: str) -> None:
    assert len(load(checkpoint, dtype=dtype).forward(inputs(random.Random(1), 4))) == 4


# The demo's own weights


@pytest.mark.skipif(not (DEMO / "config.json").is_file(), reason="the demo's weights are not there")
@pytest.mark.parametrize("beams", [1, 5])
def test_the_demo_checkpoint_in_a_mixed_batch_equals_one_by_one(beams: int) -> None:
    model, oracle, rng = load(DEMO, beams=beams), Oracle(DEMO), random.Random(beams)
    ids = [model.about.options["language_ids"][code] for code in model.about.languages]
    pieces = range(4, model.about.options["language_offset"])
    rows = [
        {
            "source": source(rng.choice(ids), rng.choices(pieces, k=rng.randrange(1, 20))),
            "target": rng.choice(ids),
            "max_new_tokens": rng.choice([20, 40]),
        }
        for _ in range(16)
    ]

    answers = model.forward(rows)

    assert all(oracle.agrees(row, answer, num_beams=beams) for row, answer in zip(rows, answers, strict=True))
    assert oracle.exceptions <= 1
