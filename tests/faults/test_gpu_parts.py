"""The parts of `make gpu` that break real batchers, tried on the CPU: what they say of a card must be so here."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.gpu.__main__ import PARTS
from tests.gpu.parts import Setup


@pytest.mark.parametrize("part", ["sticky", "kill", "memory"])
def test_a_part_of_make_gpu_holds_on_the_cpu(tmp_path: Path, part: str) -> None:
    setup = Setup(device="cpu", is_tiny=True, directory=tmp_path, until=time.monotonic() + 50.0)

    checks = list(PARTS[part].run(setup))

    assert [(check.is_ok, dict(check.figures)) for check in checks if not check.is_ok] == []
    assert checks
