"""NaN and infinities: an answer made of them is a model error of its record, and of no other."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from batcher.engines.batch import BatchEngine
from batcher.engines.engine import Done
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from broker.common.numbers.finite import NOT_FINITE
from broker.messages import FailureCode, Job
from tests.models import tiny
from tests.models.in_flight import engine_of, failures, jobs_of, load, mixed_rows, outputs, run_all

BAD = 60  # a token of no text but those that are to fail
DTYPES = ("fp32", "bf16", "fp16", "int8")
MODEL_ERROR = (FailureCode.MODEL_ERROR, NOT_FINITE)


def loaded(kind: str, directory: Path, **settings: Any) -> LoadedModel:
    return load_model(parse_spec(f"{kind}:{directory}"), ModelSettings(**settings))


def computed(model: LoadedModel, rows: Sequence[Any]) -> dict[str, Done]:
    engine = BatchEngine(model, cost=model.cost, pads=model.pads)
    engine.admit(jobs_of(rows))
    return {done.job_id: done for done in engine.step()}


@torch.no_grad()
def overflow(directory: Path, name: str, row: int, value: float) -> Path:
    """One row of the embedding is beyond all numbers."""
    from safetensors.torch import load_file, save_file

    file = directory / "model.safetensors"
    weights = load_file(file)
    weights[name][row] = value
    save_file(weights, file, metadata={"format": "pt"})
    return directory


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["embedding", "classification"])
def test_a_text_whose_states_are_no_numbers_fails_alone(tmp_path: Path, kind: str, dtype: str, value: float) -> None:
    made = tiny.encoder(tmp_path) if kind == "embedding" else tiny.classifier(tmp_path)
    prefix = "" if kind == "embedding" else "bert."
    model = loaded(kind, overflow(made, f"{prefix}embeddings.word_embeddings.weight", BAD, value), dtype=dtype)
    sound, struck = array("i", [2, 10, 11, 3]), array("i", [2, 10, BAD, 3])

    beside = computed(model, [sound, struck, sound])
    alone = computed(model, [sound])

    assert failures(beside) == {"1": MODEL_ERROR}
    assert beside["0"].output == beside["2"].output
    assert beside["0"].output == pytest.approx(alone["0"].output, abs=2e-2)


@pytest.mark.parametrize("problem", ["multi_label_classification", "single_label_classification", "regression"])
@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_an_infinite_logit_is_no_score_of_one_or_nothing(tmp_path: Path, problem: str, value: float) -> None:
    made = tiny.classifier(tmp_path, problem_type=problem)
    model = loaded("classification", overflow(made, "classifier.bias", 1, value))

    assert failures(computed(model, [array("i", [2, 10, 3])])) == {"0": MODEL_ERROR}


def struck_rows(seed: int) -> tuple[list[dict[str, Any]], set[str]]:
    """Rows of any kind, and which of them hold the bad token."""
    rows = mixed_rows(random.Random(seed), 12, limits=0.5)
    for row in rows:
        row["source"] = array("i", [11 if piece == BAD else piece for piece in row["source"]])
    for number in (3, 8):
        rows[number]["source"] = array("i", [*rows[number]["source"][:-1], BAD, 2])
        rows[number].pop("max_new_tokens", None)
    return rows, {"3", "8"}


@pytest.mark.parametrize("guard", [False, True], ids=["unguarded", "guarded"])
@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_a_translation_made_of_nan_fails_alone_in_flight(tmp_path: Path, beams: int, guard: bool, dtype: str) -> None:
    rows, struck = struck_rows(beams)
    checkpoint = tiny.translation(tmp_path, seed=1)
    right = outputs(run_all(engine_of(load(checkpoint, beams=beams, guard=guard, dtype=dtype)), rows))
    engine = engine_of(load(checkpoint, beams=beams, guard=guard, dtype=dtype))
    engine._network._embedding[BAD] = torch.nan

    done = run_all(engine, rows)

    assert failures(done) == dict.fromkeys(struck, MODEL_ERROR)
    assert outputs(done) == {id: answer for id, answer in right.items() if id not in struck}
    assert engine.room() == engine.max_size


@pytest.mark.parametrize("beams", [1, 3])
def test_a_translation_made_of_nan_fails_alone_in_the_reference(tmp_path: Path, beams: int) -> None:
    rows, struck = struck_rows(beams)
    model = loaded("translation", tiny.translation(tmp_path, seed=1), beams=beams, engine="reference")
    right = computed(model, rows)
    encoder: Any = model.forward.__self__._network.model.encoder  # type: ignore[attr-defined]

    def spoil(module: Any, args: Any, kwargs: Any, states: Any) -> Any:
        states.last_hidden_state[(kwargs["input_ids"] == BAD).any(dim=1)] = torch.nan
        return states

    encoder.register_forward_hook(spoil, with_kwargs=True)
    done = computed(model, rows)

    assert failures(done) == dict.fromkeys(struck, MODEL_ERROR)
    assert outputs(done) == {id: answer for id, answer in outputs(right).items() if id not in struck}


@pytest.mark.parametrize("where", [0, 127, 128, 2050, 2099], ids=lambda at: f"token {at}")
def test_the_likeliest_of_a_row_with_nan_is_nan_wherever_it_is(where: int) -> None:
    from batcher.models.translation.search.topk import argmax

    logits = torch.randn(3, 2100, generator=torch.Generator().manual_seed(0))
    logits[1, where] = torch.nan

    assert argmax(logits).tolist() == [int(logits[0].argmax()), where, int(logits[2].argmax())]


def test_a_job_of_each_kind_of_output_is_looked_through() -> None:
    nan, inf = float("nan"), float("inf")
    bad = [nan, -inf, [1.0, nan], (inf,), {"a": {"b": [[0.5], [nan]]}}, array("f", [0.0, nan, 1.0]), array("f", [inf])]
    good = [
        1e308,
        [1e308, 1e308],
        array("f", [3e38, 3e38]),
        {"a": None, "b": True, "c": 10**400},
        "nan",
        array("i", [1]),
    ]

    class Given:
        def forward(self, inputs: Sequence[Any]) -> list[Any]:
            return [[*bad, *good][int(number)] for number in inputs]

    engine = BatchEngine(Given())
    engine.admit([Job(id=str(n), front_end="f", input=str(n)) for n in range(len(bad) + len(good))])
    done = {one.job_id: one for one in engine.step()}

    told = failures(done)
    assert {id for id, (_, message) in told.items() if message == NOT_FINITE} == {str(n) for n in range(len(bad))}
    assert set(told) - {str(n) for n in range(len(bad))} == {str(len(bad) + 3)}  # a number that msgpack has no room for
