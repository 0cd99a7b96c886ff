"""What pages have a stranger apply and ask in a cluster is true of the manifests."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.manifests import K8S, Rendered, render, rendered_from

ROOT = K8S.parent
PAGES = {name: (ROOT / name).read_text("utf-8") for name in ("docs/deploy.md", "docs/operators.md", "k8s/README.md")}
TEAM = "registry.example.org/team"
ASKED = re.compile(r"^kubectl -n jitney exec (?:-i )?deploy/(\S+) -- (.+)$", re.MULTILINE)


def mine(tmp_path: Path) -> Rendered:
    """The overlay that docs/deploy.md shows, as it would be in k8s/overlays/mine."""
    [shown] = re.findall(r"```yaml\n(.*?)```", PAGES["docs/deploy.md"], re.DOTALL)
    there = os.path.relpath(K8S / "overlays", tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(shown.replace("- ../", f"- {there}/"), "utf-8")
    return rendered_from(tmp_path)


def test_the_overlay_that_the_page_shows_takes_our_images_from_where_they_are_pushed(tmp_path):
    pushed = subprocess.run(["make", "DOCKER=echo docker", "push", f"REGISTRY={TEAM}"], cwd=ROOT, capture_output=True)
    cluster = mine(tmp_path)

    images = {one["image"] for name in cluster.workloads() for one in cluster.containers(name)}
    ours = {image for image in images if "jitney" in image}
    assert ours == set(re.findall(r"^docker push (\S+)$", pushed.stdout.decode(), re.MULTILINE))
    assert {one["metadata"]["namespace"] for one in cluster.manifests} == {"jitney"}
    assert "kubectl apply -k k8s/overlays/mine" in PAGES["docs/deploy.md"]


def test_a_cluster_finds_a_baked_model_where_the_page_says():
    [model] = re.findall(r"run it with `JITNEY_MODEL=([^`]+)`", PAGES["docs/deploy.md"])

    assert render("gpu", "baked-weights").environment("jitney-batcher-m2m100")["JITNEY_MODEL"] == model


def test_the_command_line_is_asked_in_pods_that_have_it():
    """The images' own test runs it there."""
    cluster = render("gpu", "history")

    asked = [found for page in PAGES.values() for found in ASKED.findall(page)]
    assert {deployment for deployment, _ in asked} == {"jitney-front-end", "jitney-history"}
    for deployment, command in asked:
        (container,) = cluster.containers(deployment, init=False)
        assert container["image"].startswith("jitney-api:") and "python -m jitney" in command
        assert "JITNEY_REDIS_URL" in cluster.environment(deployment)
