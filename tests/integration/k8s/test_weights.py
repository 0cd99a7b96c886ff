"""The init container's own script, at a hub on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.images.hub import COMMIT, hub
from tests.manifests import render

READ = {"config.json", "tokenizer.json"}


@pytest.mark.parametrize(
    ("there", "brought"),
    [
        ({"model.safetensors", "pytorch_model.bin", "model.onnx"}, {"model.safetensors"}),
        ({"pytorch_model.bin", "model.onnx"}, {"pytorch_model.bin"}),
    ],
    ids=["weights that are there twice come once", "older weights come where there are no others"],
)
def test_what_a_batcher_reads_comes_into_a_directory_of_its_revision(there, brought, tmp_path):
    model, models = tmp_path / "hub", tmp_path / "models"
    model.mkdir()
    for name in there | READ:
        (model / name).write_text("{}", encoding="utf-8")

    with hub(model) as address:
        fetch(models, HF_ENDPOINT=address, HF_HOME=str(tmp_path / "cache"))

    assert [path.name for path in models.iterdir()] == [COMMIT]
    assert {path.name for path in (models / COMMIT).iterdir() if path.is_file()} == brought | READ


def fetch(models: Path, **environment: str) -> None:
    (weights,) = render("gpu").pod("jitney-batcher-m2m100")["spec"]["initContainers"]
    (python, option, script) = weights["command"]
    assert (python, option) == ("python", "-c")
    said = {"WEIGHTS_REPOSITORY": "team/labels", "WEIGHTS_REVISION": COMMIT, "HF_HUB_OFFLINE": "0"}
    subprocess.run(
        [sys.executable, "-c", script.replace('"/models"', repr(str(models)))],
        env={**os.environ, **said, **environment},
        check=True,
    )
