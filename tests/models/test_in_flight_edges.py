"""In flight, at the edges: the shortest and the longest text, an end at once, every limit, a row dropped midway."""

from __future__ import annotations

import random
from array import array
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import M2M100ForConditionalGeneration

from batcher.models.contract import InvalidInput
from batcher.models.spec import LoadedModel
from broker.messages import FailureCode
from tests.models import tiny
from tests.models.in_flight import (
    LANGUAGES,
    Row,
    engine_of,
    failures,
    finish,
    jobs_of,
    load,
    mixed_rows,
    numbered,
    outputs,
    reference,
    run_all,
)
from tests.models.oracle import END, PADDING, Oracle, source

POSITIONS = 1024  # of M2M100


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = {"max_position_embeddings": POSITIONS}
    return tiny.translation(tmp_path_factory.mktemp("large"), seed=3, shape=shape)


def row_of(tokens: int) -> Row:
    """A source of so many tokens."""
    rng = random.Random(tokens)
    pieces = [rng.randrange(4, 64) for _ in range(tokens)]
    framed = source(LANGUAGES[0], pieces[2:]) if tokens >= 2 else array("i", pieces)
    return {"source": framed, "target": LANGUAGES[tokens % 100]}


@pytest.mark.parametrize("beams", [1, 5])
def test_texts_from_one_token_to_all_positions_are_translated(large: Path, beams: int) -> None:
    rows = [row_of(tokens) for tokens in (1, 2, 3, 63, 64, 65, 256, 257, POSITIONS - 1, POSITIONS)]

    found = outputs(run_all(engine_of(load(large, beams=beams)), rows))

    oracle = Oracle(large)
    assert found == numbered(oracle.answer(row, num_beams=beams) for row in rows)


def test_a_text_of_no_or_of_too_many_tokens_fails_alone(large: Path) -> None:
    rows = [row_of(tokens) for tokens in (0, 5, POSITIONS + 1, 7)]

    done = run_all(engine_of(load(large)), rows)

    assert failures(done) == {
        "0": (FailureCode.INVALID_INPUT, "this model takes 1 to 1024 tokens, not 0"),
        "2": (FailureCode.INVALID_INPUT, "this model takes 1 to 1024 tokens, not 1025"),
    }
    assert outputs(done) == {"1": [*Oracle(large).answer(rows[1])], "3": [*Oracle(large).answer(rows[3])]}


def test_long_texts_have_as_many_slots_as_hold_the_tokens_allowed_and_all_come_back(large: Path) -> None:
    rows = [row_of(900 + number) for number in range(6)] + [row_of(10 + number) for number in range(4)]

    engine = engine_of(load(large), max_size=16, max_tokens=2 * POSITIONS)
    engine.admit(jobs_of(rows))
    done, most = dict[str, Any](), 0
    while len(done) < len(rows):
        done |= {one.job_id: one for one in engine.step()}
        most = max(
            most,
            *(len(group.sequences) for key, group in engine._groups._groups.items() if key.longest_source > 256),
            0,
        )

    assert outputs(done) == numbered(reference(large).forward(rows))
    assert most == 2


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tiny.translation(tmp_path / "tiny", seed=1)


@pytest.mark.parametrize("beams", [1, 5])
def test_an_answer_without_pieces_is_empty(tmp_path: Path, beams: int) -> None:
    directory = tiny.translation(tmp_path, seed=1)
    _lean(directory, towards=END)
    rows = mixed_rows(random.Random(1), 6)

    found = outputs(run_all(engine_of(load(directory, beams=beams)), rows))

    assert found == numbered([[]] * 6)
    assert Oracle(directory).answer(rows[0], num_beams=beams) == []


@pytest.mark.parametrize("beams", [1, 5])
def test_padding_that_was_said_is_taken_out_of_an_answer(tmp_path: Path, beams: int) -> None:
    directory = tiny.translation(tmp_path, seed=1)
    _lean(directory, towards=PADDING)
    rows = mixed_rows(random.Random(1), 20)

    found = outputs(run_all(engine_of(load(directory, beams=beams)), rows))

    assert found == numbered(reference(directory, beams=beams).forward(rows))


def _lean(directory: Path, *, towards: int) -> None:
    """The decoder says this token more often than any other; a padding, whose embedding is zero, now and then."""
    network = M2M100ForConditionalGeneration.from_pretrained(directory)
    with torch.no_grad():
        if towards == PADDING:
            network.model.shared.weight[:, 0] = -0.5
            network.model.shared.weight[PADDING] = 0.0
            network.model.decoder.layer_norm.bias[0] += 11.0
        else:
            token = network.model.shared.weight[towards]
            network.model.decoder.layer_norm.bias += 40 * token / token.norm()
    network.save_pretrained(directory)


@pytest.mark.parametrize("beams", [1, 5])
def test_each_row_has_its_own_limit(checkpoint: Path, beams: int) -> None:
    (row,) = mixed_rows(random.Random(4), 1)
    rows = [{**row, "max_new_tokens": limit} for limit in (2, 3, 4, 9, 26, 27, 28, 1000)]

    found = outputs(run_all(engine_of(load(checkpoint, beams=beams)), rows))

    oracle = Oracle(checkpoint)
    expected = [
        oracle.answer({**row, "max_new_tokens": min(27, row["max_new_tokens"])}, num_beams=beams) for row in rows
    ]
    assert found == numbered(expected)
    assert len(found["0"]) == 1, "the language and one piece"


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("limit", [2, 7])
def test_the_setting_of_a_limit_counts_the_language(checkpoint: Path, beams: int, limit: int) -> None:
    rows = mixed_rows(random.Random(3), 12)

    found = outputs(run_all(engine_of(load(checkpoint, beams=beams, max_new_tokens=limit)), rows))

    assert found == numbered(reference(checkpoint, beams=beams, max_new_tokens=limit).forward(rows))
    assert max(map(len, found.values())) == limit - 1


@pytest.mark.parametrize("beams", [1, 5])
def test_a_row_dropped_midway_never_comes_back_and_the_others_do(checkpoint: Path, beams: int) -> None:
    rows = mixed_rows(random.Random(6), 12)
    engine = engine_of(load(checkpoint, beams=beams))
    expected = numbered(reference(checkpoint, beams=beams).forward(rows))
    long = max(expected, key=lambda id: len(expected[id]))
    assert len(expected[long]) > 8
    engine.admit(jobs_of(rows))
    done = {one.job_id: one for _ in range(5) for one in engine.step()}
    room = engine.room()

    engine.drop({long})

    assert engine.room() == room + 1
    done |= finish(engine, expected.keys() - done.keys() - {long})
    assert outputs(done) == {id: answer for id, answer in expected.items() if id != long}


def test_a_bad_row_that_is_dropped_is_not_told(checkpoint: Path) -> None:
    engine = engine_of(load(checkpoint))
    engine.admit(jobs_of(["no row"]))

    engine.drop({"0"})

    assert engine.step() == []
    assert engine.room() == engine.max_size


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param("text", "a source and a target", id="not a row"),
        pytest.param({"source": [64, 5, 2], "target": 64}, "takes token ids", id="not an array"),
        pytest.param({"source": array("i", [5, 9999]), "target": 64}, "not in the model's vocabulary", id="foreign id"),
        pytest.param({"source": array("i", [5, 2]), "target": 5}, "not a language", id="a piece for a language"),
        pytest.param({"source": array("i", [5, 2]), "target": 64, "max_new_tokens": 1}, "2 or more", id="no room"),
    ],
)
def test_an_impossible_row_fails_alone(checkpoint: Path, row: Any, why: str) -> None:
    good = mixed_rows(random.Random(1), 2)

    done = run_all(engine_of(load(checkpoint)), [good[0], row, good[1]])

    assert done.keys() == {"0", "1", "2"} and outputs(done).keys() == {"0", "2"}
    code, message = failures(done)["1"]
    assert code is FailureCode.INVALID_INPUT and why in message


# As a plain model: all rows of a call, start to end


@pytest.fixture
def model(checkpoint: Path) -> LoadedModel:
    return load(checkpoint)


def test_a_call_is_answered_in_the_order_of_its_rows(checkpoint: Path, model: LoadedModel) -> None:
    rows = mixed_rows(random.Random(8), 80)

    assert model.forward(rows) == reference(checkpoint).forward(rows)
    assert model.forward([]) == []


def test_a_call_with_an_impossible_row_is_refused(model: LoadedModel) -> None:
    with pytest.raises(InvalidInput, match="takes a source and a target"):
        model.forward(["text"])


def test_a_network_that_fails_is_not_the_input_s_fault(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine_of(model)._network, "encode", broken)

    with pytest.raises(RuntimeError, match="the model failed on this input"):
        model.forward(mixed_rows(random.Random(1), 1))


def test_it_warms_up(model: LoadedModel) -> None:
    model.warm_up()


def test_every_step_is_progress(model: LoadedModel) -> None:
    calls = list[None]()
    engine = engine_of(model, progress=lambda: calls.append(None))

    found = outputs(run_all(engine, mixed_rows(random.Random(1), 8)))

    assert len(calls) > max(map(len, found.values()))
