"""Every pod keeps to the `restricted` Pod Security Standard, and to a little more: a root that nobody writes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.manifests import COMBINATIONS, Rendered, render

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
OF_POD: dict[str, Callable[[dict[str, Any]], bool]] = {
    "no host namespaces": lambda spec: not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(),
    "volumes of a restricted kind": lambda spec: all(one.keys() - {"name"} <= VOLUMES for one in spec["volumes"]),
    "no root": lambda spec: spec["securityContext"]["runAsNonRoot"] is True,
    "a user by number": lambda spec: spec["securityContext"]["runAsUser"] > 0,
    "a group by number": lambda spec: spec["securityContext"]["runAsGroup"] > 0,
    "the runtime's seccomp profile": lambda spec: (
        spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    ),
    "no sysctls": lambda spec: "sysctls" not in spec["securityContext"],
    "no profile of its own": lambda spec: (
        not {"appArmorProfile", "seLinuxOptions", "windowsOptions"} & spec["securityContext"].keys()
    ),
    "no token of the cluster": lambda spec: spec["automountServiceAccountToken"] is False,
    "no addresses of other services": lambda spec: spec["enableServiceLinks"] is False,
    "no containers beside these": lambda spec: "ephemeralContainers" not in spec,
}
# Equal to this, so that nothing else is in it: no privileges, no other user, no profile, no mount of /proc.
OF_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pods() -> list[Any]:
    """Of every combination, each once."""
    found = {}
    for combination in COMBINATIONS:
        rendered = render(*combination)
        for name in rendered.workloads():
            found.setdefault(f"{combination[0]}/{name}", (rendered, name))
    return [pytest.param(rendered, name, id=place) for place, (rendered, name) in found.items()]


EVERY_POD = pytest.mark.parametrize(("rendered", "name"), pods())


@EVERY_POD
@pytest.mark.parametrize("rule", OF_POD)
def test_every_pod_has(rendered: Rendered, name: str, rule: str) -> None:
    assert OF_POD[rule](rendered.pod(name)["spec"])


@EVERY_POD
def test_every_container_is_as_restricted_as_a_container_can_be(rendered: Rendered, name: str) -> None:
    for container in rendered.containers(name):
        assert container["securityContext"] == OF_CONTAINER
        assert not any("hostPort" in port for port in container.get("ports", []))


@EVERY_POD
def test_every_container_has_a_place_for_its_temporary_files(rendered: Rendered, name: str) -> None:
    for container in rendered.containers(name):
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
