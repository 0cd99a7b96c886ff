"""`make sbom`: what pip installs into each image, as CycloneDX: names, versions, hashes, licences, and what needs what.

It asks pip what `constraints.txt` comes to, on the Python that runs it and with pip's own index; nothing is installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
IMAGES = {"api": "Dockerfile.api", "gpu": "Dockerfile.gpu"}
PLACE = ROOT / "build" / "sbom"
SET = re.compile(r'"\.\[([\w,$]+)\]"')  # of `pip install ".[server,files]"`
Item = Mapping[str, Any]  # of pip's report


def extras(dockerfile: str) -> str:
    """What the image installs besides what every process needs."""
    text = (ROOT / dockerfile).read_text(encoding="utf-8")
    [said] = SET.findall(text)
    [default] = re.findall(r"^ARG EXTRAS=(\S+)$", text, re.MULTILINE) or [said]
    return str(said if said != "$EXTRAS" else default)


def resolved(extra: str) -> list[Item]:
    """What pip would install, in its own words (its installation report)."""
    asked = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    told = subprocess.run([*asked, "--constraint", "constraints.txt", f".[{extra}]"], cwd=ROOT, stdout=subprocess.PIPE)
    if told.returncode:
        raise SystemExit(f"pip finds no versions for .[{extra}] that go together; it says why above")
    return json.loads(told.stdout)["install"]  # type: ignore[no-any-return]


def bill(image: str, installed: Sequence[Item]) -> Bom:
    """Of one image. Jitney itself is what it is a bill of."""
    components = {key(item): component(item) for item in installed}
    own = components[canonicalize_name("jitney")]
    bom = Bom(components=[one for one in components.values() if one is not own])
    bom.metadata.component = own
    own.name, own.type, own.purl = f"jitney-{image}", ComponentType.CONTAINER, None
    for item in installed:
        bom.register_dependency(components[key(item)], [components[name] for name in needs(item) & components.keys()])
    return bom


def key(item: Item) -> str:
    return canonicalize_name(item["metadata"]["name"])


def component(item: Item) -> Component:
    said = item["metadata"]
    name, version = said["name"], said["version"]
    purl = PackageURL("pypi", None, canonicalize_name(name), version)
    hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
    licences = [LicenseFactory().make_from_string(text) for text in licence(name, version, said)]
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        description=said.get("summary"),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashes["sha256"])] if "sha256" in hashes else [],
        licenses=licences,
    )


def licence(name: str, version: str, said: Mapping[str, Any]) -> list[str]:
    """An expression where there is one, else what its classifiers or it itself says in a few words."""
    classified = [one.rpartition(" :: ")[2] for one in said.get("classifier", []) if one.startswith("License :: ")]
    named = [expression(name, version), said.get("license_expression"), said.get("license")]
    short = [text for text in named if text and len(text) < 100 and "\n" not in text]
    return short[:1] or classified[:1]


def expression(name: str, version: str) -> str:
    """Of what is installed here: older pips do not report it."""
    try:
        installed = metadata(name)
    except PackageNotFoundError:
        return ""
    return str(installed.json.get("license_expression") or "") if installed["Version"] == version else ""


def needs(item: Item) -> set[str]:
    """Of its requirements those that hold here, with the extras that it was asked for."""
    asked = ["", *item.get("requested_extras", [])]
    wanted = map(Requirement, item["metadata"].get("requires_dist", []))
    return {
        canonicalize_name(one.name)
        for one in wanted
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in asked)
    }


def main() -> Iterator[Path]:
    """Writes one file for each image."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for image, dockerfile in IMAGES.items():
        path = PLACE / f"jitney-{image}.cdx.json"
        written = make_outputter(bill(image, resolved(extras(dockerfile))), OutputFormat.JSON, SchemaVersion.V1_6)
        written.output_to_file(str(path), allow_overwrite=True, indent=1)
        yield path


if __name__ == "__main__":
    for written in main():
        print(written.relative_to(ROOT))
