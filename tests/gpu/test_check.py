"""The script for a card, tried on a CPU: it says what it found, and what goes wrong in one part hides no other."""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from benchmarks.translation.weights import SIZES  # noqa: E402
from tests.gpu import __main__ as script  # noqa: E402
from tests.gpu.parts import Setup  # noqa: E402
from tests.gpu.speed import LENGTH, SOURCE, bytes_of_step  # noqa: E402

ON_CPU = ("--device", "cpu", "--tiny")
CRASHES = """
import os
print('{"name": "before", "is_ok": true, "figures": {}}', flush=True)
os.abort()
"""


def asked(directory: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit status, and what the JSON says."""
    status = script.main([*arguments, "--json", str(directory / "gpu.json")])
    return status, json.loads((directory / "gpu.json").read_text())


def test_a_part_tells_its_figures_as_json_and_in_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = asked(tmp_path, "card", *ON_CPU)

    assert (status, told["is_ok"], told["about"]["torch"]) == (0, True, torch.__version__)
    assert [(part["part"], part["verdict"]) for part in told["parts"]] == [("card", "ok")]
    assert "| card | memory bandwidth | ok | GB/s" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["parity", "encoders", "pictures", "speed"])
def test_a_part_holds_on_the_cpu(tmp_path: Path, part: str) -> None:
    setup = Setup(device="cpu", is_tiny=True, directory=tmp_path, until=time.monotonic() + 50.0)

    checks = list(script.PARTS[part].run(setup))

    assert [check.name for check in checks if not check.is_ok] == []
    assert len(checks) >= 5


@pytest.mark.parametrize("part", script.PARTS)
def test_a_part_finds_what_it_is_made_of(part: str) -> None:
    module, _, function = script.PARTS[part].where.partition(":")

    assert callable(getattr(import_module(f"tests.gpu.{module}"), function))


def test_a_part_that_crashes_keeps_what_it_told_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "ALONE", (sys.executable, "-c", CRASHES))

    status, told = asked(tmp_path, "card", "parity", *ON_CPU)

    assert status == 1
    assert [part["why"] for part in told["parts"]] == ["exit status -6: no word"] * 2
    assert [check["name"] for part in told["parts"] for check in part["checks"]] == ["before"] * 2


@pytest.mark.parametrize(
    ("script_of_part", "verdict", "why"),
    [
        pytest.param('print(\'{"skipped": "no broker"}\')', "skipped", "no broker", id="one that cannot run here"),
        pytest.param("print('a warning')", "failed", "it checked nothing", id="one that says nothing"),
        pytest.param("import time; time.sleep(60)", "failed", "stopped after 1 s", id="one that takes too long"),
    ],
)
def test_the_verdict_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script_of_part: str, verdict: str, why: str
) -> None:
    monkeypatch.setattr(script, "ALONE", (sys.executable, "-c", script_of_part))
    monkeypatch.setattr(script, "SPARE", 0.1)

    _, told = asked(tmp_path, "card", *ON_CPU, "--seconds", "1.0")

    assert [(part["verdict"], part["why"]) for part in told["parts"]] == [(verdict, why)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_so_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main([]) == script.USAGE_ERROR
    assert "no CUDA card" in capsys.readouterr().err


def test_a_step_of_the_418m_shape_reads_its_weights_once_and_every_rows_keys_and_values() -> None:
    size = SIZES["418m"]
    weights = 12 * (8 * 1024**2 - 2 * 1024**2 + 8 * 1024**2) + 128_112 * 1024

    alone, many = bytes_of_step(size, 1, 2), bytes_of_step(size, 256, 2)

    row = 49_152 * (SOURCE + LENGTH // 2)
    assert (alone, many) == (2 * weights + row, 2 * weights + 256 * row)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card")
@pytest.mark.timeout(520)
@pytest.mark.parametrize("part", [name for name in script.PARTS if name != "speed"])
def test_a_part_holds_on_the_card(tmp_path: Path, part: str) -> None:
    _, told = asked(tmp_path, part)

    assert [(one["verdict"], one["why"]) for one in told["parts"] if one["verdict"] == "failed"] == []
