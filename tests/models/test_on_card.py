"""What runs on a CUDA card, on one that is pretended: no operation mixes devices, and what the card is waited for is
counted and named. Each wait leaves a card idle that could have begun with the next kernels.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from batcher.models.settings import ModelSettings
from batcher.models.spec import load_model, parse_spec
from tests.models import tiny
from tests.models.fake_card import FakeCard, MixedDevices, fake_card
from tests.models.in_flight import engine_of, jobs_of, load, mixed_rows, outputs, reference, run_all
from tests.models.tiny_images import crops, picture_classifier, pictures

CARD = "cuda:0"
GREEDY = {"tolist in batcher/models/translation/search/greedy.py:step": 1}
# The second copy waits for nothing but itself: what it brings is there when the first has come.
BEAMS = {"download in batcher/models/translation/search/beam.py:_candidates": 2}
ENCODERS = {
    "is_nonzero in batcher/models/encoders/padded.py:_computed": 1,  # transformers looks whether a mask hides anything
    "download in batcher/models/layers/tensors.py:vectors": 1,
}


@pytest.fixture
def card() -> Iterator[FakeCard]:
    with fake_card() as card:
        yield card


@pytest.mark.parametrize(
    "decoding",
    [
        pytest.param({"num_beams": 1}, id="greedy"),
        pytest.param({"num_beams": 5}, id="by beams"),
        pytest.param({"num_beams": 3, "no_repeat_ngram_size": 2}, id="by beams that repeat no pair"),
    ],
)
def test_the_in_flight_engine_says_on_a_card_what_it_says_on_the_cpu(tmp_path: Path, decoding: dict[str, Any]) -> None:
    directory = tiny.translation(tmp_path, seed=5, **decoding)
    rows = mixed_rows(random.Random(5), 20, limits=0.5)
    expected = outputs(run_all(engine_of(load(directory, device="cpu"), max_size=16), rows))

    with fake_card():
        found = outputs(run_all(engine_of(load(directory, device=CARD), max_size=16), rows))

    assert found == expected


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize(("beams", "waits"), [pytest.param(1, GREEDY, id="greedy"), pytest.param(5, BEAMS, id="beams")])
def test_a_step_waits_for_what_its_search_chose_and_for_nothing_else(
    tmp_path: Path, card: FakeCard, beams: int, waits: dict[str, int], dtype: str
) -> None:
    engine = engine_of(load(tiny.translation(tmp_path), device=CARD, beams=beams, dtype=dtype))
    engine.admit(jobs_of(mixed_rows(random.Random(1), 6)))
    engine.step()

    assert waited(card, engine.step) == waits


def test_joining_waits_for_nothing(tmp_path: Path, card: FakeCard) -> None:
    engine = engine_of(load(tiny.translation(tmp_path), device=CARD, dtype="fp16"))
    engine.admit(jobs_of(mixed_rows(random.Random(1), 6)))

    assert waited(card, engine.step) == {}


def test_bans_of_what_was_said_wait_for_nothing(tmp_path: Path, card: FakeCard) -> None:
    decoding = {"num_beams": 3, "no_repeat_ngram_size": 1}
    engine = engine_of(load(tiny.translation(tmp_path, **decoding), device=CARD))
    engine.admit(jobs_of(mixed_rows(random.Random(1), 6)))
    for _ in range(3):
        engine.step()

    assert waited(card, engine.step) == BEAMS


def test_generate_runs_on_a_card_as_the_reference(tmp_path: Path) -> None:
    directory, rows = tiny.translation(tmp_path, seed=5), mixed_rows(random.Random(5), 5)
    expected = [list(answer) for answer in reference(directory, device="cpu").forward(rows)]

    with fake_card():
        found = [list(answer) for answer in reference(directory, device=CARD).forward(rows)]

    assert found == expected


@pytest.mark.parametrize("kind", ["embedding", "classification"])
@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "mpnet"])
def test_encoders_say_on_a_card_what_they_say_on_the_cpu(tmp_path: Path, family: str, kind: str) -> None:
    made_of = (AutoModelForSequenceClassification,) if kind == "classification" else ()
    directory, rows = tiny.family(tmp_path, family, *made_of), tiny.texts((1, 2, 3, 3, 17, 44))
    expected = numbers(tiny.load_encoder(kind, directory, device="cpu").forward(rows))

    with fake_card() as card:
        model = tiny.load_encoder(kind, directory, device=CARD)
        waits = waited(card, lambda: model.forward(rows))
        found = numbers(model.forward(rows))

    assert torch.allclose(found, expected, atol=1e-4)
    assert waits == ENCODERS


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("family", ["vit", "swin", "resnet"])
def test_pictures_get_on_a_card_what_they_get_on_the_cpu_and_are_waited_for_once(
    tmp_path: Path, family: str, dtype: str
) -> None:
    spec = parse_spec(f"image-classification:{picture_classifier(tmp_path, family)},name=tiny,dtype={dtype}")
    rows = crops(tmp_path, pictures(4))
    expected = numbers(load_model(spec, ModelSettings(device="cpu")).forward(rows))

    with fake_card() as card:
        model = load_model(spec, ModelSettings(device=CARD))
        waits = waited(card, lambda: model.forward(rows))
        found = numbers(model.forward(rows))

    assert torch.allclose(found, expected, atol=1e-4)
    assert waits == {"download in batcher/models/layers/tensors.py:vectors": 1}


def test_a_card_that_is_pretended_refuses_tensors_of_both_devices(card: FakeCard) -> None:
    there, here = torch.ones(3, device=CARD), torch.ones(3)

    with pytest.raises(MixedDevices):
        there + here
    assert (there + 1.0).device.type == "cuda"
    assert (there * torch.tensor(2.0)).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("act", "waits"),
    [
        pytest.param(lambda there: there.sum().item(), 1, id="a number"),
        pytest.param(lambda there: bool(there.any()), 1, id="a condition"),
        pytest.param(lambda there: there.cpu(), 1, id="a copy to the CPU"),
        pytest.param(lambda there: torch.equal(there, there), 1, id="a comparison"),
        pytest.param(lambda there: there[there > 0], 1, id="a mask"),
        pytest.param(lambda there: there[torch.tensor([0, 1])], 1, id="an index of the CPU"),
        pytest.param(lambda there: torch.ones(3).to(there.device), 1, id="a copy to the card"),
        pytest.param(lambda there: torch.ones(3).to(there.device, non_blocking=True), 0, id="one that may overlap"),
        pytest.param(lambda there: there[1:] + there[torch.arange(2, device=CARD)], 0, id="arithmetic"),
    ],
)
def test_a_card_that_is_pretended_counts_what_waits_for_it(
    card: FakeCard, act: Callable[[torch.Tensor], Any], waits: int
) -> None:
    there = torch.ones(3, device=CARD)

    assert sum(waited(card, lambda: act(there)).values()) == waits


def waited(card: FakeCard, act: Callable[[], Any]) -> dict[str, int]:
    """What this waits for, by operation and place."""
    card.waits.clear()
    act()
    return dict(card.waits)


def numbers(rows: Any) -> torch.Tensor:
    return torch.tensor([list(row) for row in rows])
