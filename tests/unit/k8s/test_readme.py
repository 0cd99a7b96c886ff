"""The overlays that the page shows, made by kubectl as they stand there."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from server.settings import ServerSettings
from tests.manifests import APP, K8S, Rendered, copied, everywhere, rendered_from, selects

README = (K8S / "README.md").read_text(encoding="utf-8")
FRONT_END, BATCHER, VALKEY = "jitney-front-end", "jitney-batcher-m2m100", "jitney-valkey"


@dataclass(frozen=True)
class Block:
    """A file of an overlay, as the page shows it."""

    overlay: str
    file: str
    text: str

    def says(self) -> Any:
        return yaml.safe_load(self.text)


BLOCKS = [
    Block(*found)
    for found in re.findall(
        r"^```yaml\n# overlays/(\w+)/([\w-]+\.yaml)[^\n]*\n(.*?)^```", README, re.MULTILINE | re.DOTALL
    )
]
WHOLE = next(one for one in BLOCKS if one.file == "kustomization.yaml")  # besides which the others are


def shown(*containing: str) -> list[Block]:
    """Those blocks that have these words, one for each."""
    return [next(one for one in BLOCKS if word in one.text) for word in containing]


def rendered(tmp_path: Path, *blocks: Block, **more: Any) -> Rendered:
    """What an overlay makes with these files."""
    copy = copied(tmp_path)
    overlay = copy / "overlays" / blocks[0].overlay
    overlay.mkdir()
    said = {} if blocks[0].overlay == "next" else WHOLE.says()
    for block in blocks:
        if block.file == "kustomization.yaml":
            said |= block.says()
        else:
            (overlay / block.file).write_text(block.text, encoding="utf-8")
    said |= more
    said["resources"] += [one.file for one in blocks if one.file not in ("kustomization.yaml", *said["resources"])]
    said["resources"] = [name for name in said["resources"] if (overlay / name).exists()]
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    return rendered_from(overlay)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.text.replace("\n", " ")[:60])
def test_what_a_block_makes_is_valid(block: Block, tmp_path: Path) -> None:
    for manifest in rendered(tmp_path, block).manifests:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_webhooks_leave_by_https_alone() -> None:
    [policy] = [one.says() for one in shown("name: jitney-webhooks")]

    assert policy["spec"]["podSelector"]["matchLabels"] == {APP: FRONT_END}
    assert [*everywhere(policy, "ports")] == [[{"port": 443}]]


def test_an_ingress_leads_to_the_service_and_bears_what_front_ends_do(tmp_path: Path) -> None:
    made = rendered(tmp_path, *shown("kind: Ingress"))
    (ingress,) = made.of("Ingress")
    said = {name.rpartition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()}
    (service,) = everywhere(ingress["spec"], "service")
    front_end = next(one for one in made.settings(FRONT_END) if isinstance(one, ServerSettings))

    assert service["port"]["name"] in {port["name"] for port in made.named("Service", service["name"])["spec"]["ports"]}
    assert int(said["proxy-read-timeout"]) > front_end.max_timeout
    assert said["proxy-body-size"] == "1m" and front_end.max_body_bytes == 1 << 20
    assert said["proxy-buffering"] == "off"


def test_a_broker_elsewhere_is_let_out_to_where_it_is(tmp_path: Path) -> None:
    made = rendered(tmp_path, *shown("10.1.2.0/24"))
    to_it = {"to": [{"ipBlock": {"cidr": "10.1.2.0/24"}}], "ports": [{"port": 6380}]}

    assert VALKEY not in made.workloads()
    for name in (FRONT_END, BATCHER):
        assert to_it in [rule for spec in made.policies(name) for rule in spec.get("egress", [])]


def test_each_side_has_a_user_of_its_own(tmp_path: Path) -> None:
    made = rendered(tmp_path, *shown("url-front-end"), components=["../../components/history"])
    urls = {
        name: one["valueFrom"]["secretKeyRef"]["key"]
        for name in made.workloads()
        for container in made.containers(name)
        for one in container.get("env", [])
        if one["name"] == "JITNEY_REDIS_URL"
    }

    assert urls == {FRONT_END: "url-front-end", BATCHER: "url-batcher", "jitney-history": "url-writer"}
    for key, user in (("front-end", "jitney-front-end"), ("batcher", "jitney-batcher"), ("writer", "jitney-writer")):
        assert f'url-{key}="redis://{user}:$' in README


def test_a_new_protocol_beside_the_old_one_reaches_its_broker(tmp_path: Path) -> None:
    new, old = shown("namespace: jitney-next", "name: jitney-valkey-next")
    there, here = rendered(tmp_path / "new", new), rendered(tmp_path / "old", old)
    (out,) = there.named("NetworkPolicy", "jitney-broker")["spec"]["egress"]
    (into,) = here.named("NetworkPolicy", "jitney-valkey-next")["spec"]["ingress"]
    names = [
        one["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for one in (*out["to"], *into["from"])
    ]

    assert names == ["jitney", "jitney-next"]
    assert {one["metadata"]["namespace"] for one in there.of("Deployment")} == {"jitney-next"}
    assert {one["metadata"]["namespace"] for one in here.of("StatefulSet")} == {"jitney"}
    assert selects(out["to"][0]["podSelector"], here.pod(VALKEY)["metadata"]["labels"])
    assert out["ports"] == into["ports"] and here.named("NetworkPolicy", "jitney-valkey-next")["spec"] in here.policies(
        VALKEY
    )


def test_a_revision_beside_another_is_a_copy_of_its_directory(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    next_one = shutil.copytree(copy / "overlays/gpu/m2m100", copy / "overlays/gpu/next")
    change(next_one / "kustomization.yaml", "m2m100\n", "next\n")
    change(next_one / "weights.env", "REVISION=55c2", "REVISION=66d3")
    change(copy / "overlays/gpu/kustomization.yaml", "  - m2m100\n", "  - m2m100\n  - next\n")

    made = rendered_from(copy / "overlays/gpu")

    both = [BATCHER, "jitney-batcher-next"]
    assert made.workloads("jitney-batcher") == both
    assert {made.settings(name)[1].name for name in both} == {"m2m100-418m"}  # with which the README's command begins
    assert "`jitney traffic m2m100-418m REVISION=10%`" in README
    assert {made.settings(name)[1].model[20:24] for name in both} == {"55c2", "66d3"}
    for name in both:
        budget = made.named("PodDisruptionBudget", name)["spec"]["selector"]
        assert [one for one in both if selects(budget, made.pod(one)["metadata"]["labels"])] == [name]


def change(file: Path, old: str, new: str) -> None:
    said = file.read_text(encoding="utf-8")
    assert old in said
    file.write_text(said.replace(old, new), encoding="utf-8")
