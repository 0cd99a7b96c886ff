"""One name, one meaning: metrics of front ends, of batchers, and those that the pages name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.every_metric import every_metric, name_of, of_batchers, of_front_ends, of_writers

pytestmark = pytest.mark.anyio

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", TOP / "CHANGELOG.md", *(TOP / "docs").glob("*.md"), TOP / "k8s/README.md"]


async def test_no_two_processes_have_metrics_of_one_name(tmp_path: Path):
    of_each = [await of_front_ends(tmp_path), of_batchers(), of_writers()]

    names = [name_of(one) for metrics in of_each for one in metrics]
    assert len(names) == len(set(names))


async def test_every_metric_that_a_page_names_is_there(tmp_path: Path):
    known = {name_of(one) for one in await every_metric(tmp_path)}

    for page in PAGES:
        said = set(re.findall(r"jitney_[a-z0-9_]+(?=[`{)])", page.read_text()))
        assert {name for name in said if re.sub("_(bucket|sum|count)$", "", name) not in known} == set(), page.name
