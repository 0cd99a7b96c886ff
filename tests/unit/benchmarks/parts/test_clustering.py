"""The measurement of clusters: a row for each size, of the grouping alone or of calls."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.parts import clustering


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")


def rows(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_size_has_a_row_with_the_groups_of_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    status = clustering.main(["--sizes", "20,100", "--rounds", "1"])

    found = rows(capsys)
    assert (status, [row[0] for row in found]) == (0, ["20", "100"])
    assert [row[1].split(", ")[1] for row in found] == ["2", "10"]
    assert [row[3].split(", ")[1] for row in found] == ["20", "100"]


def test_a_jitney_that_runs_is_asked_for_clusters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def post(url: str, body: bytes) -> Any:
        asked.append(url)
        return {"result": [{}, {}]}

    monkeypatch.setattr(clustering, "_post", post)

    clustering.main(["--sizes", "30", "--rounds", "2", "--url", "http://there"])

    assert asked == ["http://there/clustering"] * 2
    assert rows(capsys)[0][2] == "2"
