"""monitoring/dashboard.json is what its panels' table says, fits Grafana's grid and asks for metrics that there are."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from monitoring.dashboard import PAGE, WIDTH, every_panel, page
from tests.unit.every_metric import every_metric, series_of

WRITTEN = PAGE.read_text("utf-8")
DASHBOARD: dict[str, Any] = json.loads(WRITTEN)
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


def test_it_is_written_from_the_table() -> None:
    assert page() == WRITTEN, "run `make dashboard`"


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]

    assert len(ids) == len(set(ids))
    assert all(at["x"] >= 0 and at["x"] + at["w"] <= WIDTH for at in places)
    assert not any(overlap(one, other) for one, other in combinations(places, 2))


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    def meet(at: str, size: str) -> bool:
        return one[at] < other[at] + other[size] and other[at] < one[at] + one[size]

    return meet("x", "w") and meet("y", "h")


@pytest.mark.anyio
async def test_it_asks_for_metrics_and_labels_that_there_are(tmp_path: Path) -> None:
    metrics = await every_metric(tmp_path)
    there = set().union(*map(series_of, metrics))
    labels = {label for one in metrics for label in one._labelnames}  # type: ignore[attr-defined]
    labels |= {"namespace", "instance", "le"}

    assert set(re.findall(r"\bjitney_\w+", " ".join(EXPRESSIONS))) <= there
    asked = re.findall(r"by \(([^)]*)\)", " ".join(EXPRESSIONS))
    shown = re.findall(r"\{\{(\w+)\}\}", WRITTEN)
    assert {label for words in asked for label in words.split(", ")} | set(shown) <= labels


@pytest.mark.parametrize(
    ("title", "value", "colour"),
    [
        pytest.param("Broker up", 0, "red", id="a front end without its broker is seen"),
        pytest.param("Broker up", 1, "green", id="with its broker all is well"),
        pytest.param("Batchers", 0, "red", id="no batcher is seen"),
        pytest.param("Batchers", 3, "green", id="three batchers are well"),
        pytest.param("Dead letters", 0, "green", id="no dead letter is well"),
        pytest.param("Dead letters", 1, "red", id="a dead letter is seen"),
    ],
)
def test_a_number_is_red_where_somebody_should_look(title: str, value: float, colour: str) -> None:
    [panel] = [one for one in DASHBOARD["panels"] if one["title"] == title and one["type"] == "stat"]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]

    assert steps[0]["value"] is None
    assert [step["color"] for step in steps if step["value"] is None or step["value"] <= value][-1] == colour


def test_every_expression_keeps_to_the_chosen_namespace() -> None:
    for expression in EXPRESSIONS:
        assert expression.count('namespace=~"$namespace"') == len(re.findall(r"\bjitney_", expression))


def test_a_legend_names_only_labels_that_its_expression_keeps() -> None:
    for panel in every_panel():
        for ask, legend in panel.asks:
            kept = {label for words in re.findall(r"by \(([^)]*)\)", ask) for label in words.split(", ")}
            assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= kept, panel.title
