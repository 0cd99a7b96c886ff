"""How many threads a forward pass may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from batcher.models.layers.threads import threads


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)), raising=False)


def test_what_the_operator_says_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    assert threads(5) == 5


def test_the_environment_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    assert threads(0) == 3


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000\n", 8), ("200000 100000\n", 2), ("150000 100000\n", 2), ("10000 100000\n", 1), ("rubbish", 8)],
)
def test_a_container_gets_the_cores_that_it_pays_for(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)

    assert threads(0, tmp_path / "cpu.max") == expected


def test_without_a_quota_it_is_the_cores_that_this_process_may_use(tmp_path: Path) -> None:
    assert threads(0, tmp_path / "absent") == 8
