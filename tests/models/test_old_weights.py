"""Checkpoints of before safetensors: their tensors are read, and nothing that a pickle would run."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from batcher.models.errors import ModelSpecError
from batcher.models.files.network import load_network
from batcher.models.files.weights import find_weights
from batcher.models.settings import ModelSettings
from batcher.models.spec import load_model, parse_spec

DEMO = Path(__file__).parents[2] / "demo"
MARK = "it ran"


def old(directory: Path, kind: str, **more: Any) -> Path:
    """The demo model with its weights as torch saves them."""
    shutil.copytree(DEMO / kind, directory)
    tensors = OrderedDict(load_file(directory / "model.safetensors"))
    (directory / "model.safetensors").unlink()
    torch.save(tensors | more, directory / "pytorch_model.bin")
    return directory


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("classification", transformers.AutoModelForSequenceClassification),
        ("translation", transformers.M2M100ForConditionalGeneration),
    ],
)
def test_the_same_weights_are_loaded(tmp_path: Path, kind: str, network: Any) -> None:
    places = DEMO / kind, old(tmp_path / "old", kind)
    mine, theirs = (load_network(network, find_weights(str(one)), ModelSettings()).state_dict() for one in places)

    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_weights_are_part_of_the_revision(tmp_path: Path) -> None:
    one = find_weights(str(old(tmp_path / "one", "classification")))
    other = find_weights(str(old(tmp_path / "other", "classification", further=torch.ones(1))))

    assert one.fingerprint != other.fingerprint


def test_beside_safetensors_they_count_for_nothing(tmp_path: Path) -> None:
    directory = shutil.copytree(DEMO / "classification", tmp_path / "both")
    (directory / "pytorch_model.bin").write_bytes(b"whatever")

    assert find_weights(str(directory)).fingerprint == find_weights(str(DEMO / "classification")).fingerprint


def test_what_a_pickle_would_run_is_refused_and_not_run(tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> Any:
            return (Path.write_text, (tmp_path / "mark", MARK))

    directory = old(tmp_path / "old", "classification", evil=Runs())

    with pytest.raises(ModelSpecError, match="cannot be loaded"):
        load_model(parse_spec(f"classification:{directory}"), ModelSettings())
    assert not (tmp_path / "mark").exists()
