"""docs/metrics.md says of every metric what the code says, and its examples are PromQL."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.every_metric import every_metric, name_of, series_of

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text("utf-8")
ROW = re.compile(r"^\| `(jitney_\w+)(?:\{([^}`]*)\})?` \| (\w+) \| (.+?) \| `([^`]+)` \|$", re.MULTILINE)
NAMED = re.compile(r"\bjitney_[a-z0-9_]+")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: apt-get install prometheus")


async def test_every_metric_has_a_row_and_every_row_a_metric(tmp_path: Path) -> None:
    there = {(name_of(one), one.type, tuple(one._labelnames)) for one in await every_metric(tmp_path)}  # type: ignore[attr-defined]

    told = [(name, kind, tuple(labels.split(", ")) if labels else ()) for name, labels, kind, _, _ in ROW.findall(PAGE)]
    assert set(told) == there
    assert len(told) == len(set(told))


async def test_no_row_is_overlooked() -> None:
    assert len(ROW.findall(PAGE)) == len(re.findall(r"^\| `jitney_", PAGE, re.MULTILINE))


async def test_the_example_of_a_metric_asks_for_it_and_for_none_that_is_not_there(tmp_path: Path) -> None:
    there = set().union(*map(series_of, await every_metric(tmp_path)))

    for name, _, _, _, example in ROW.findall(PAGE):
        asked = set(NAMED.findall(example))
        assert {one for one in asked if re.sub("_(bucket|sum|count)$", "", one) == name}, name
        assert asked <= there, name


@needs_promtool
def test_the_examples_are_promql(tmp_path: Path) -> None:
    rules = [{"record": f"example:{at}", "expr": row[4]} for at, row in enumerate(ROW.findall(PAGE))]
    written = tmp_path / "examples.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "examples", "rules": rules}]}))

    said = subprocess.run(["promtool", "check", "rules", written], capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stderr
