"""Schemathesis against a live stack: what /openapi.json says is what is answered, to good and to bad requests.

`JITNEY_TEST_EXAMPLES=200` tries more of them, and `JITNEY_TEST_SEED=9` others.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.crashing_server import crashing
from tests.integration.processes import ROOT
from tests.integration.stack import Stack, stack

RULES = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("JITNEY_TEST_EXAMPLES", "10")  # for each address, besides those that cover each bound
CRASHES = ("request crashed", "application crashed", "codec failed")  # as a front end logs them
SEED = os.environ.get("JITNEY_TEST_SEED", "8")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    models = ["translation:demo/translation", "classification:demo/classification", "synthetic:1ms+0.1ms"]
    models += ["image-classification:demo/image_classification", "tests.integration.toy_embedders:Zebra"]
    models += ["tests.integration.toy_pairs:Ranker", "tests.integration.toy_pairs:Nli"]
    with stack(models=models, files=tmp_path_factory.mktemp("files")) as made:
        yield made


def test_the_document_is_valid_openapi_3_1(system: Stack) -> None:
    program = (
        "import sys, json; from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR as valid;"
        "print(*[error.message for error in valid.iter_errors(json.load(sys.stdin))])"
    )

    run = subprocess.run([sys.executable, "-c", program], input=system.get("/openapi.json").body, capture_output=True)

    assert (run.stdout.strip(), run.returncode) == (b"", 0), run.stderr


@pytest.mark.timeout(240)  # a fifth of it on an idle machine
def test_schemathesis_finds_nothing(system: Stack, tmp_path: Path) -> None:
    # One worker: Python 3.11's parser counts its depth for all threads together, and hypothesis parses in each.
    run = schemathesis(system.url, tmp_path, "--max-examples", EXAMPLES, "--seed", SEED, "--workers", 1)

    assert run.returncode == 0, run.stdout + run.stderr
    paths = system.get("/openapi.json").json()["paths"]
    operations = sum(len(methods) for methods in paths.values())
    assert f"Tested: {operations - 1}" in run.stdout, run.stdout  # it leaves out the document's own address
    assert not [crash for crash in CRASHES if crash in system.outputs()], system.outputs()


def test_a_crash_is_found_also_where_a_500_may_be_an_answer(tmp_path: Path) -> None:
    with crashing() as url:
        run = schemathesis(url, tmp_path, "--max-examples", 1, "--phases", "fuzzing")

    assert (run.returncode, run.stdout.count("1 unique failure")) == (1, 1), run.stdout + run.stderr
    assert '{"code":"internal"}' in run.stdout


def schemathesis(url: str, directory: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """From a directory of its own: it leaves its findings where it runs."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", RULES, "run", f"{url}/openapi.json"]
    told: Any = {"capture_output": True, "text": True, "cwd": directory}
    return subprocess.run([*map(str, command), *map(str, options)], env={**os.environ, "PYTHONPATH": str(ROOT)}, **told)
