"""What `python -m batcher` says to someone who calls it wrongly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def said(*flags: str, **environ: str) -> tuple[int, str]:
    """Exit status and stderr of a process of its own: it takes signals and an event loop for itself."""
    command = [sys.executable, "-m", "batcher", *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, env={**os.environ, **environ})
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "say which model to serve"),
        (["--model", "synthetic:1ms", "--max-batch-size", "257"], "max_batch_size must be 1 to 256"),
        (["--model", "synthetic:1ms", "--max-wait", "nan"], "say a finite number"),
        (["--model", "synthetic:1ms", "--name", "A/b"], "is not spelled as"),
        (["--model", "synthetic:1ms", "--slo-p99", "-1"], "slo_p99 must be 0 seconds or more"),
        (["--model", "synthetic:1ms", "--slo-p99", "1", "--policy", "fixed"], "--slo-p99 sizes batches under --policy"),
        (["--model", "synthetic:1ms", "--max-step", "1"], "max_step must be longer than lease"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(flags: list[str], complaint: str) -> None:
    code, words = said(*flags)

    assert code == 2
    assert complaint in words


def test_what_is_wrong_with_a_variable_is_said_of_the_variable() -> None:
    code, words = said("--model", "synthetic:1ms", JITNEY_LEASE="99", JITNEY_MAX_BATCH_SIZE="999")

    assert code == 2
    assert "error: JITNEY_LEASE must be" in words and "; JITNEY_MAX_BATCH_SIZE must be" in words


@pytest.mark.parametrize(
    ("spec", "word"), [("nope:xyz!", "translation:WHERE"), ("translation:/nowhere", "there is no directory /nowhere")]
)
def test_a_model_that_there_is_not_is_named_in_one_line(spec: str, word: str) -> None:
    code, words = said("--model", spec)

    assert code == 2
    assert words.count("\n") == 1 and words.startswith("python -m batcher: ")
    assert word in words


@pytest.mark.parametrize(
    ("name", "told"),
    [("Unready", "RuntimeError: nobody to report to"), ("Quits", "SystemExit"), ("NoEngine", "makes a NoneType")],
)
def test_a_model_whose_engine_cannot_be_made_is_told_in_one_line(name: str, told: str) -> None:
    code, words = said("--model", f"tests.faults.kit.own_models:{name}")

    assert code == 2
    assert words.count("\n") == 1 and words.startswith("python -m batcher: ")
    assert told in words
