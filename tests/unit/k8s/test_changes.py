"""A changed setting is another pod template: nothing runs on with what was said before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests import K8S, Rendered, copied, render, rendered_from

README = (K8S / "README.md").read_text(encoding="utf-8")
READERS = {
    "base/front-end.env": {"jitney-front-end"},
    "batcher/batcher.env": {"jitney-batcher-m2m100"},
    "overlays/gpu/m2m100/settings.env": {"jitney-batcher-m2m100"},
    "overlays/gpu/m2m100/weights.env": {"jitney-batcher-m2m100"},
    "components/history/writer.env": {"jitney-history"},
}


def overlay(k8s: Path, **more: Any) -> Rendered:
    """An overlay of somebody's own, as the README has it."""
    mine = k8s / "overlays" / "mine"
    mine.mkdir()
    parts = {"namespace": "jitney", "resources": ["../gpu"], "components": ["../../components/history"]}
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(parts | more), encoding="utf-8")
    return rendered_from(mine)


def templates(rendered: Rendered) -> Mapping[str, Any]:
    return {name: rendered.pod(name) for name in rendered.workloads()}


def replaced(before: Rendered, after: Rendered) -> set[str]:
    """Workloads whose pods an apply replaces."""
    return {name for name, template in templates(before).items() if templates(after)[name] != template}


def test_every_file_of_settings_is_looked_at():
    assert {path.relative_to(K8S).as_posix() for path in K8S.glob("**/*.env")} == READERS.keys()


@pytest.mark.parametrize("file", READERS)
def test_a_change_replaces_the_pods_that_read_it_and_no_others(file, tmp_path):
    copy = copied(tmp_path)
    said = (copy / file).read_text(encoding="utf-8")
    (copy / file).write_text(re.sub(r"^(\w+)=.*$", r"\1=other", said, count=1, flags=re.MULTILINE), encoding="utf-8")

    assert replaced(render("gpu", "history"), overlay(copy)) == READERS[file]


@pytest.mark.parametrize("patch", re.findall(r"  - (target: \{kind: ConfigMap, .*\n    patch: .*)\n", README))
def test_a_patch_of_the_readme_replaces_the_pods_that_read_it_and_no_others(patch, tmp_path):
    copy = copied(tmp_path)
    said = yaml.safe_load(f"  - {patch}")
    more = {"patches": said, "components": ["../../components/history", "../../components/tracing"]}

    assert replaced(render("gpu", "history", "tracing"), overlay(copy, **more)) == {
        name for name in ("jitney-front-end", "jitney-batcher-m2m100") if re.fullmatch(said[0]["target"]["name"], name)
    }


@pytest.mark.parametrize("model", ["translation", "classification", "image-classification"])
def test_so_does_one_of_a_demo_model(model, tmp_path):
    copy = copied(tmp_path)
    file = copy / "overlays" / "local" / model / "kustomization.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("THREADS=1", "THREADS=2"), encoding="utf-8")

    assert replaced(render("local"), rendered_from(copy / "overlays" / "local")) == {f"jitney-batcher-{model}"}
