"""The manifests as a cluster would have them: the base with every component, and its patches applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from batcher.models.settings import ModelSettings
from batcher.settings import BatcherSettings
from broker.settings import BrokerSettings, parser_for, pick
from server.settings import ServerSettings

K8S = Path(__file__).parents[2] / "k8s"
BASE = K8S / "base"
TABLES = {
    "jitney-front-end": (BrokerSettings, ServerSettings),
    "jitney-batcher": (BrokerSettings, BatcherSettings, ModelSettings),
}
WORKLOADS = ("Deployment", "StatefulSet")


def load(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


PARTS = [BASE, *sorted(path.parent for path in (K8S / "components").glob("*/kustomization.yaml"))]
KUSTOMIZATIONS = {path.name: load(path / "kustomization.yaml")[0] for path in PARTS}
KUSTOMIZATION = KUSTOMIZATIONS["base"]
FILES = [path for part in PARTS for path in sorted(part.glob("*.yaml")) if path.name != "kustomization.yaml"]
MANIFESTS = [manifest for path in FILES for manifest in load(path)]  # of the base with every component


def apply(operation: Mapping[str, Any], manifest: Any) -> None:
    """One operation of a JSON patch (RFC 6902): `add` or `replace`."""
    *parents, last = [part.replace("~1", "/") for part in operation["path"].split("/")[1:]]
    node = manifest
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    assert operation["op"] == "add" or last in node, f"there is no {operation['path']} to replace"
    if isinstance(node, list):
        assert last == "-"
        node.append(operation["value"])
    else:
        node[last] = operation["value"]


def patch(kustomization: Mapping[str, Any]) -> None:
    for one in kustomization.get("patches", []):
        target = named(one["target"]["kind"], one["target"]["name"])
        for operation in yaml.safe_load(one["patch"]):
            apply(operation, target)


def named(kind: str, name: str) -> dict[str, Any]:
    return next(found for found in MANIFESTS if (found["kind"], found["metadata"]["name"]) == (kind, name))


for part in KUSTOMIZATIONS.values():
    patch(part)


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod template by its workload's name."""
    for manifest in MANIFESTS:
        if manifest["kind"] in WORKLOADS:
            yield manifest["metadata"]["name"], manifest["spec"]["template"]


def containers(name: str, *, init: bool = True) -> list[dict[str, Any]]:
    spec = dict(pods())[name]["spec"]
    return [*(spec.get("initContainers", []) if init else []), *spec["containers"]]


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


def environment(name: str) -> dict[str, str]:
    """What the main container of this workload finds in its environment; secrets read as such."""
    (container,) = containers(name, init=False)
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:  # a secret there has variables of object storage
            found |= named("ConfigMap", source["configMapRef"]["name"])["data"]
    return found | {one["name"]: one.get("value", "secret") for one in container.get("env", [])}


def settings(name: str) -> list[Any]:
    """The settings that a process of this workload would run with."""
    values = parser_for(name, "", *TABLES[name], environ=environment(name)).parse_args([])
    return [pick(table, values) for table in TABLES[name]]
