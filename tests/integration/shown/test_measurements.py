"""Measurements that no test of their own runs, each as its page shows it and as short as its flags allow."""

from __future__ import annotations

import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from demo.evaluate import MODELS

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(autouse=True)
def log_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays as it is: loggers that are kept would write to where a test reads, and that is closed behind it."""
    monkeypatch.setattr("structlog.configure", lambda **how: None)
    monkeypatch.setattr("broker.common.logs._adopt_standard_logging", lambda *how: None)


@pytest.mark.parametrize(
    "command",
    [
        "crowd --clients 32 --beside 8 --seconds 0.3",
        "cache --json cache.json --rounds 1 --seconds 0.3 --clients 4",
        "translation --size tiny --json tiny.json --cache weights --rounds 1 --sentences 4 --alone 1 --part offline",
        "encoders --sentences 8 --batch 4 --rounds 1",
        "protected",
        "one_by_one --inputs 2 --batch 2 --rounds 1",
        "packing --sentences 8 --batch 4 --rounds 1",
        "pictures --format JPEG --rounds 1",
    ],
)
def test_a_measurement_ends_well_and_says_what_it_found(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    status = main(shlex.split(command))

    said = capsys.readouterr()
    assert status == 0, said.err
    assert said.out


@pytest.mark.parametrize(
    "command",
    [
        *(f"train --only {model} --steps 20 --threads 1 --out ." for model in MODELS),
        "evaluate --beams 5 --per-direction 1",
        "evaluate --dtypes fp32,bf16,int8 --per-direction 1",
    ],
)
def test_the_demo_is_trained_and_measured(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, *arguments = command.split()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [module, *arguments])

    import_module(f"demo.{module}").main()

    assert "accuracy" in (said := capsys.readouterr().out) or "exact_match" in said
