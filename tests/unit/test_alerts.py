"""The alerts: each says what helps, fires and is silent in a test of promtool, and asks for metrics that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker.history.contract import MOST_BYTES
from jitney.admin.findings import NEARLY_FULL
from server.errors import KINDS
from tests.unit.every_metric import every_metric, series_of
from tests.unit.test_docs import anchors

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "monitoring"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
}
NAMED = re.compile(r"\bjitney_[a-z0-9_]+")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


@needs_promtool
def test_prometheus_reads_the_rules() -> None:
    said = promtool("check", "rules", FOLDER / "alerts.yaml")

    assert said.returncode == 0, said.stdout + said.stderr


@needs_promtool
def test_each_alert_fires_and_is_silent_as_its_test_says() -> None:
    said = promtool("test", "rules", FOLDER / "alerts_test.yaml")

    assert said.returncode == 0, said.stdout + said.stderr


def test_each_alert_alone_fires_in_some_test_that_begins_without_any() -> None:
    tests = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text("utf-8"))["tests"]

    fired = set()
    for test in tests:
        first, *later = [one["exp_samples"] for one in test["promql_expr_test"]]
        assert first == [], test["name"]
        fired |= {str(sample["labels"]) for samples in later for sample in samples if len(samples) == 1}
    assert fired == {f'{{alertname="{alert}"}}' for alert in ALERTS}


@pytest.mark.anyio
async def test_the_alerts_ask_for_metrics_and_labels_that_there_are(tmp_path: Path) -> None:
    metrics = await every_metric(tmp_path)
    there = set().union(*map(series_of, metrics))
    labels = {label for one in metrics for label in one._labelnames} | {"namespace", "job", "instance"}  # type: ignore[attr-defined]

    for name, rule in ALERTS.items():
        assert set(NAMED.findall(rule["expr"])) <= there, name
        by = re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]) + re.findall(r"\{(\w+)[=!]", rule["expr"])
        told = re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
        assert {label for words in [*by, *told] for label in words.split(", ")} <= labels, name


def test_the_list_of_the_history_is_told_of_when_it_is_half_full() -> None:
    assert f"> {MOST_BYTES // 2 // 1024**2} * 1024 * 1024" in ALERTS["JitneyHistoryFilling"]["expr"]


def test_the_memory_of_the_broker_is_told_of_when_doctor_tells_of_it() -> None:
    assert ALERTS["JitneyBrokerMemory"]["expr"].endswith(f"> {NEARLY_FULL}")


def test_the_reasons_of_refusals_are_problem_codes_and_each_has_its_remedy() -> None:
    [reasons] = re.findall(r'reason=~"([^"]+)"', ALERTS["JitneyRefusing"]["expr"])
    section = (ROOT / "docs/metrics.md").read_text("utf-8").partition("### JitneyRefusing")[2].partition("\n### ")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]

    assert set(reasons.split("|")) <= set(KINDS)
    assert sorted(reasons.split("|")) == sorted(code for row in rows for code in re.findall("`([^`]+)`", row))
    assert {code for code, kind in KINDS.items() if kind.status >= 500} - {"not_cached"} <= set(reasons.split("|"))


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_it_is_what_helps_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")

    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert len(rule["annotations"]["summary"]) <= 110 and len(rule["annotations"]["description"]) > 40
    assert anchor in anchors((ROOT / page).read_text("utf-8"))
